"""The dashboard: ``panel serve app.py --show``."""

from dashboard.shell import build

build().servable()
