"""The graph of a run as a component of the page: what is done, and which group of tasks is looked at."""

from pathlib import Path

import param
from panel.custom import JSComponent

_HERE = Path(__file__).parent
"""Panel serves the files of a component only from below its own module."""


class TaskGraph(JSComponent):
    """Buttons in columns with lines between them; a press chooses a group, a second one none."""

    diagram = param.Dict(default={"nodes": [], "edges": [], "columns": 1, "rows": 0}, doc="See ``task_diagram``.")
    chosen = param.String(default="", doc="Key of the group that is looked at.")

    _esm = _HERE / "task_graph.js"
    _stylesheets = (_HERE / "task_graph.css",)
