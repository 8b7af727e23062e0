"""A browser tab with what the tests ask of it: what is drawn, where the figures are, what the console said."""

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Error, Page

PAGES = {
    "quality": "expected",
    "potential": "Under the crosshair",
    "scalars": "best fit",
    "train": "New run",
    "compare": "Settings that differ",
}
"""Pages, and a text that is there when a page is."""

_SUMS = """() => {
  const rows = [];
  const total = image => image.reduce((sum, value) => sum + (value > 0 ? value : 0), 0);
  for (const model of Bokeh.documents[0]._all_models.values())
    if (model.type === "ColumnDataSource" && model.data.significance)
      rows.push({data: total(model.data.data_count[0]), flow: total(model.data.flow_count[0])});
  return rows;
}"""
_FRAMES = """() => {
  const frames = [];
  const visit = view => {
    if (view.model && view.model.type === "Figure") {
      const box = view.el.getBoundingClientRect(), frame = view.frame.bbox;
      frames.push({x: box.left + frame.left, y: box.top + frame.top, width: frame.width, height: frame.height});
    }
    for (const child of view.child_views ?? []) visit(child);
  };
  for (const root of Bokeh.index.roots) visit(root);
  return frames;
}"""


@dataclass
class Tab:
    """A page and what its console said."""

    page: Page
    errors: list[str] = field(default_factory=list)

    def open(self, url: str) -> "Tab":
        self.page.goto(url)
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until Bokeh has drawn everything that it was given."""
        self.page.wait_for_function(
            "window.Bokeh && Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle", timeout=60_000
        )

    def images(self) -> list[dict[str, float]]:
        """For each row of maps, the number of stars in the data and in the flow panel."""
        return self.page.evaluate(_SUMS)

    def images_when_settled(self) -> list[dict[str, float]]:
        """The same when two looks half a second apart agree and every map holds stars.

        A page that is being replaced is looked at again.
        """
        last = None
        for _ in range(80):
            try:
                now = self.images()
            except Error:
                now = []
            if now and now == last and all(values["data"] for values in now):
                return now
            last = now
            self.page.wait_for_timeout(500)
        raise TimeoutError("the maps keep changing")

    def wait_for_counts(self, wanted: Callable[[list[dict[str, float]]], bool]) -> None:
        """Wait until the maps hold what is wanted."""
        for _ in range(150):
            counts = self.images()
            if counts and wanted(counts):
                return
            self.page.wait_for_timeout(100)
        raise TimeoutError(f"the maps hold {self.images()}")

    def frame(self, index: int) -> tuple[float, float, float, float]:
        """Left, top, width and height on the screen of the inside of a figure."""
        box = self.page.evaluate(_FRAMES)[index]
        return box["x"], box["y"], box["width"], box["height"]

    def drag(self, index: int, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw with the mouse inside a figure, from and to fractions of its frame."""
        x, y, width, height = self.frame(index)
        self.page.mouse.move(x + start[0] * width, y + start[1] * height)
        self.page.mouse.down()
        self.page.mouse.move(x + end[0] * width, y + end[1] * height, steps=5)
        self.page.mouse.up()

    def wait_for_text(self, text: str, timeout: float = 30) -> None:
        self.page.get_by_text(text).filter(visible=True).first.wait_for(timeout=1000 * timeout)
