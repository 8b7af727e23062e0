"""The dashboard: ``panel serve app.py --show``."""

from bokeh.io import curdoc

from dashboard.shell import build

with curdoc().models.freeze():  # all parts at once: for each of them Bokeh would walk the whole document
    build().servable()
