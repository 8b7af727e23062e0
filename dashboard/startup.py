"""What a server does before its first visitor comes: it goes on with the fits that were interrupted.

``deep-potential serve`` runs this as Panel's setup script: ``panel serve app.py --setup dashboard/startup.py``.
"""

from dashboard.shell import services

services()
