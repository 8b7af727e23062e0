"""Which run is looked at: a choice of all runs, and the few numbers that introduce one."""

import html
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import panel as pn

from core.diagnostics.quantities import DRIFT
from core.diagnostics.scalar_draws import from_json
from core.errors import CorruptArtifactError
from core.runs.registry import Run
from core.runs.star_files import FLOW_SAMPLE, FLOW_SUMMARY, read_summary
from dashboard.runs.parent_link import ParentButton, WithParent, alone
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import caption, facts, grouped, number, text, unseen


def run_facts(run: Run) -> dict[str, str]:
    """Stars, held-out likelihood and pattern speed of a run, as far as they are known; what is damaged is said to be.

    The pages that need a damaged file say what is wrong with it.
    """
    values = {"stars": f"<strong>{grouped(run.manifest.stars)}</strong>"}
    for product, title, facts_of in ((FLOW_SUMMARY, "flows", _flow_facts), ("scalars.json", "Ωp", _speed_facts)):
        if run.has(product):
            try:
                values |= facts_of(run)
            except CorruptArtifactError:
                values[title] = '<span class="caution">damaged</span>'
    return values


def _flow_facts(run: Run) -> dict[str, str]:
    summary, config = read_summary(run.products / FLOW_SUMMARY), run.manifest.config
    conditional = config.flow.mode == "conditional"
    words = f"{len(summary.held_out)} × {'conditional' if conditional else config.flow.family}"
    if summary.rejected:
        words += f'<br><span class="caution">{len(summary.rejected)} left out</span>'
    title = "held-out ln p(v|x)" if conditional else "held-out ln f"
    return {"flows": words, title: number(summary.mean_held_out, 5)}


def _speed_facts(run: Run) -> dict[str, str]:
    speed = run.scalars.get("pattern_speed")
    return {"Ωp": pattern_speed_words(speed)} if speed else {}


def pattern_speed_words(speed: Mapping[str, Any]) -> str:
    """Ω_p with its error in all pipelines and its verdict, as HTML.

    Raises CorruptArtifactError where the entry of the scalars is not whole.
    """
    return _judged("pattern_speed", speed)


def drift_words(scalars: Mapping[str, Any]) -> dict[str, str]:
    """The same of the components of a fitted drift of the frame, by their labels; none where it has none."""
    fitted = {name: scalars[name] for name in DRIFT if "verdict" in scalars.get(name, {})}
    return {f"{entry['label']} [km/s]": _judged(name, entry) for name, entry in fitted.items()}


def _judged(name: str, entry: Mapping[str, Any]) -> str:
    try:
        scalar = from_json(name, entry)
        value = f"{float(scalar.best):.1f}" + ("" if scalar.error is None else f" ± {scalar.error:.1f}")
        value = value.replace("-", "\u2212")
        tone, verdict = "good" if entry["constrained"] else "caution", str(entry["verdict"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptArtifactError(f"the scalar {name} is damaged: {error!r}") from error
    return f'{value}<br><span class="{tone}">{html.escape(verdict)}</span>'


def run_options(runs: Iterable[Run]) -> dict[str, str]:
    """Directory names of runs by what a list calls them: by their names, with the id where two have the same."""
    named = {run.path.name: run for run in runs}
    counts = Counter(run.manifest.name for run in named.values())
    return {
        f"{run.manifest.name} · {run.id}" if counts[run.manifest.name] > 1 else run.manifest.name: key
        for key, run in named.items()
    }


class RunPicker(pn.viewable.Viewer):
    """A choice among the runs that have something to show; ``go_to`` is called with another one."""

    def __init__(
        self, session: Session, services: Services, go_to: Callable[[Run], None], with_parent: WithParent = alone
    ):
        super().__init__()
        runs = {run.path.name: run for run in services.offered(session.run) if run.has(FLOW_SAMPLE)}
        chosen = session.run or next(iter(runs), "")
        self._choice = pn.widgets.Select(
            options=run_options(runs.values()),
            value=chosen if chosen in runs else None,
            **unseen("run"),
            sizing_mode="stretch_width",
            margin=(4, 0),
        )
        self._choice.param.watch(lambda event: go_to(runs[event.new]), "value")
        self._facts = text(facts(run_facts(runs[chosen])) if chosen in runs else "")
        self._parent = ParentButton(with_parent)
        self._parent.offer(runs.get(chosen))

    def __panel__(self) -> pn.Column:
        views = (self._choice, self._facts, self._parent.button)
        return pn.Column(caption("Run"), *views, sizing_mode="stretch_width", margin=0)
