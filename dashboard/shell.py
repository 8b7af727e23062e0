"""The composition root: one document from session, services and the page that the address names."""

import gc
import html
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import panel as pn
from bokeh.document import Document
from bokeh.settings import settings
from panel.io.resources import get_dist_path
from panel.pane import HTML
from panel.theme import Inherit
from panel.theme.native import Native
from panel.viewable import Viewable
from panel.widgets import Widget

from core.catalog.store import CatalogueStore
from core.jobs.launch import resume_interrupted
from core.jobs.status import GOING, run_status
from core.log import log_file
from core.runs.registry import Run, runs_root
from dashboard.access.visitors import refused
from dashboard.failures import alert, keep_log, notify
from dashboard.guide import GUIDE
from dashboard.pages.compare import Compare
from dashboard.pages.flow_quality import FlowQuality
from dashboard.pages.potential_slices import PotentialSlices
from dashboard.pages.retraining import Retraining
from dashboard.pages.scalar_distributions import ScalarDistributions
from dashboard.quality.retrain import RetrainButton
from dashboard.quality.subsets import SubsetPicker
from dashboard.runs.parent_link import WithParent
from dashboard.runs.run_monitor import MonitorPlace, RunMonitor, has_maps, is_done
from dashboard.runs.run_picker import RunPicker
from dashboard.services import Services
from dashboard.session import PAGES, Session
from dashboard.widgets import caption

ASSETS = Path(__file__).parent / "assets"
LOST = "The server does not answer; fits that were started go on."


def _sheets(name: str) -> dict[str, Any]:
    return {"stylesheets": [Inherit, (ASSETS / name).read_text(encoding="utf-8")]}


class Calm(Native):
    """Panel's widgets in the tokens of the page; every component is sent the rules that it needs, and no more."""

    modifiers = {Viewable: _sheets("component.css"), Widget: _sheets("controls.css"), HTML: _sheets("words.css")}  # noqa: RUF012


class Shell(pn.Template):
    """The template. Panel has it described whenever a part is added, with all parts: a tenth of the time of a visit."""

    def __repr__(self) -> str:
        return type(self).__name__

    def _init_doc(self, *where: Any, **how: Any) -> Document:
        """As Panel does it; but it forgets to note the id of its root, and never takes it off a list of all visitors.

        Every such id, among a page's memory, holds back a megabyte of it when the page is closed.
        """
        document = super()._init_doc(*where, **how)
        self._refs[document] = pn.state._fake_roots[-1]
        return document


@cache
def services() -> Services:
    """The one instance of this server process."""
    # Whenever a page is closed Panel collects garbage: it need not look at all that was imported.
    gc.freeze()
    settings.perform_document_validation = False  # it writes warnings for developers, at the expense of every visitor
    keep_log(log_file())
    resume_interrupted(runs_root())
    return Services(runs_root(), CatalogueStore.default())


def build() -> pn.Template:
    """The document of one visitor: read the address, build the page it names, keep the address in step."""
    pn.extension(
        design=Calm, notifications=True, exception_handler=notify, reconnect=True, disconnect_notification=LOST
    )
    _serve_style_sheets_here()
    if (stranger := refused()) is not None:
        return stranger
    pn.state.on_session_destroyed(services().memory.page_closed)
    services().ask_way()
    session = Session()
    if pn.state.location is not None:
        pn.state.location.sync(session, Session.in_address(), on_error=session.take)
    shell = Shell((ASSETS / "shell.html").read_text(encoding="utf-8"), design=Calm, location=True)
    for name in ("shell.css", "icon.html", "accessible.js", "guide.js", "figures.js"):
        shell.add_variable(name.replace(".", "_"), (ASSETS / name).read_text(encoding="utf-8"))
    shell.add_variable("guide", GUIDE[session.page])
    shell.add_variable("pages", list(PAGES.items()))
    shell.add_variable("page", session.page)
    shell.add_variable("page_title", PAGES[session.page])
    parts = _parts(session)
    shell.add_panel("rail", parts.rail)
    shell.add_panel("main", parts.main)
    shell.add_panel("looking_at", pn.pane.HTML(parts.looking_at, margin=0))
    shell.add_panel("theme", _theme_button(session))
    shell.add_panel("notifications", pn.state.notifications)
    # The browser starts with its own address: tell it the runs that were chosen for it, so that the link says them.
    pn.state.onload(lambda: session.param.trigger(*(name for name in ("run", "runs") if getattr(session, name))))
    return shell


def _serve_style_sheets_here() -> None:
    """Let the document know, before it has any model, that Panel's style sheets come from this server.

    Panel tells it only when it renders its HTML. A browser that connects after an unused session has ended, because it
    loads slowly or reconnects, gets a document without that, and would ask Panel's own host for the sheets.
    """
    if pn.state.curdoc is not None:
        pn.state.curdoc.template_variables["dist_url"] = get_dist_path()


def _theme_button(session: Session) -> pn.widgets.Button:
    """Switches the colours of page and figures without a reload."""
    quiet = ".bk-btn.bk-btn-light { color: var(--muted) !important; }"
    button = pn.widgets.Button(label="Light / dark", color="light", margin=0, stylesheets=[quiet])
    button.js_on_click(
        code="const d = document.documentElement.dataset; d.theme = d.theme === 'dark' ? 'light' : 'dark';"
    )

    def switch(event: object) -> None:
        session.theme = "dark" if session.theme == "light" else "light"

    button.on_click(switch)
    return button


class _Parts(NamedTuple):
    """What goes into the rail, the main part and the header."""

    rail: pn.Column
    main: pn.Column
    looking_at: str = ""


def _parts(session: Session) -> _Parts:
    """The page that the session names; an error takes the place of the picture."""
    shared = services()
    with_parent = _to_parent(session, shared)
    picker = RunPicker(session, shared, lambda run: _go_to(session, run), with_parent)
    looking_at = ""
    try:
        if session.page == "train":
            page = Retraining(session, shared, lambda run: _go_to(session, run, page="quality"), with_parent)
            page.follow_newest()
            return _Parts(_column(page.controls()), _column([page]))
        if session.page == "compare":
            compare = Compare(session, shared, lambda names: _compare(session, names))
            return _Parts(_column(compare.controls()), _column([compare]), _looking_at(*compare.looking_at))
        run = shared.run(session.run) if session.run else shared.default_run()
        session.run, looking_at = run.path.name, _looking_at(run)
        rail, main = _page_of_run(session, shared, run, picker, with_parent)
        return _Parts(_column(rail), _column(main), looking_at)
    except Exception as error:  # noqa: BLE001  (one of the three catch sites: an error takes the place of the picture)
        return _Parts(_column([picker]), _column([alert(error)]), looking_at)


def _column(parts: Sequence[Any]) -> pn.Column:
    """Views below each other, built here and now: an error in one of them is the page's, not the document's."""
    return pn.Column(*parts, sizing_mode="stretch_width", margin=0)


def _page_of_run(
    session: Session, shared: Services, run: Run, picker: RunPicker, with_parent: WithParent
) -> tuple[list[Any], list[Any]]:
    """What is in the rail and in the main part of a page about a run."""
    if session.page == "potential":
        slices = PotentialSlices(session, shared, run)
        return [picker, *slices.controls()], [slices]
    if session.page == "scalars":
        scalars = ScalarDistributions(session, shared, run)
        return [picker, *scalars.controls()], [scalars]
    quality = FlowQuality(session, shared, run)
    subsets = SubsetPicker(session, quality.comparison.data)
    # The maps of a retrained run come first; once more, when its potentials and scalars are there too.
    going_on = run_status(run).state in GOING
    ready = is_done if going_on else has_maps
    monitor = MonitorPlace(
        lambda: RunMonitor(
            session, lambda other: _go_to(session, other), curves=False, ready=ready, with_parent=with_parent
        )
    )
    if going_on:
        monitor.follow(run)
    retrain = RetrainButton(session, shared, run, subsets, monitor.follow)
    rail = [picker, subsets, retrain, caption("Display"), *quality.display_controls()]
    return rail, [monitor, quality]


def _go_to(session: Session, run: Run, page: str | None = None) -> None:
    """Show another run: a new document, because figures and columns are those of one run."""
    _anew(session, run=run.path.name, runs="", view="", page=page or session.page)


def _compare(session: Session, names: Sequence[str]) -> None:
    """Compare the runs of these directory names."""
    _anew(session, runs=",".join(names), page="compare")


def _anew(session: Session, **choices: str) -> None:
    """A new document with other choices."""
    session.param.update(**choices)
    if pn.state.location is not None:
        pn.state.location.reload = True


def _to_parent(session: Session, shared: Services) -> WithParent:
    """What leads from a run to its comparison with its parent."""

    def with_parent(run: Run) -> Callable[[], None] | None:
        parent = shared.parent(run)
        return partial(_compare, session, [parent.path.name, run.path.name]) if parent is not None else None

    return with_parent


def _looking_at(*runs: Run) -> str:
    tag = ' · <span class="tag">synthetic</span>' if any(run.manifest.catalogue.synthetic for run in runs) else ""
    names = dict.fromkeys(name for run in runs for name in (run.manifest.name, run.manifest.catalogue.name))
    return " · ".join(map(html.escape, names)) + tag
