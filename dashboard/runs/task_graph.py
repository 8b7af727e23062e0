"""The graph of a run as a component of the page: what is done, and which group of tasks is looked at."""

from pathlib import Path

import param
from panel.custom import JSComponent

ASSETS = Path(__file__).parents[1] / "assets"


class TaskGraph(JSComponent):
    """Buttons in columns with lines between them; a press chooses a group, a second one none."""

    diagram = param.Dict(default={"nodes": [], "edges": [], "columns": 1, "rows": 0}, doc="See ``task_diagram``.")
    chosen = param.String(default="", doc="Key of the group that is looked at.")

    _esm = ASSETS / "task_graph.js"
    _stylesheets = (ASSETS / "task_graph.css",)
