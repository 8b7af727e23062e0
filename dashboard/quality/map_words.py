"""What the maps of a run show, in words and numbers: for the eye beside the picture, and for who cannot see it."""

from collections.abc import Iterator, Sequence

from core.diagnostics.residual_maps import SignificanceMap, marginals, pooled_rms
from core.diagnostics.scalar_tables import signed
from core.phase_space.coordinates import COORDINATES
from dashboard.widgets import grouped, number

NOTHING = '<p class="strip">No projection is shown: add one.</p>'


def strip(maps: Sequence[SignificanceMap], *, selected: int, total: int) -> str:
    """The numbers that judge the picture, over all maps, as HTML."""
    if not selected:
        return (
            '<p class="strip"><span>No star of this subset is in view: '
            f"it holds none of the {grouped(total)} stars. Choose another, or remove it.</span></p>"
        )
    stars = f"<span>stars <strong>{grouped(selected)}</strong>"
    stars += "</span>" if selected == total else f" of {grouped(total)}</span>"
    filled = sum(m.filled for m in maps)
    if not filled:
        return f'<p class="strip">{stars}<span>No star of this subset is in view: zoom out.</span></p>'
    rms, expected = pooled_rms(maps), maps[0].expected_rms
    beyond, flow = sum(m.beyond_five_sigma for m in maps), sum(m.flow.sum() for m in maps)
    outside = sum(m.flow_in_empty_bins * m.flow.sum() for m in maps) / max(flow, 1)
    tone = "good" if rms < 1.15 * expected else "caution"
    return (
        f'<p class="strip">{stars}'
        f'<span>significance rms <strong class="{tone}">{rms:.2f}</strong> expected {expected:.2f}</span>'
        f"<span>χ² per bin <strong>{(rms / expected) ** 2:.2f}</strong></span>"
        f"<span>bins beyond 5σ <strong>{grouped(beyond)}</strong> of {grouped(filled)}</span>"
        f"<span>flow stars in empty bins <strong>{100 * outside:.2f} %</strong></span></p>"
    )


def map_words(of: SignificanceMap, *, with_marginals: bool) -> list[str]:
    """One map in a sentence, and where asked for each of its marginal distributions in another."""
    x, y = COORDINATES[of.x], COORDINATES[of.y]
    parts = [f"{x.label}–{y.label}: {_judged(of, (x.name, y.name))}"]
    if with_marginals:
        along_x, along_y = marginals(of)
        parts += [f"{x.label}: {_judged(along_x, (x.name,))}", f"{y.label}: {_judged(along_y, (y.name,))}"]
    return parts


def _judged(of: SignificanceMap, names: Sequence[str]) -> str:
    if of.worst is None:
        return "no stars in view"
    sigma, *place = of.worst
    where = dict(zip((of.x, of.y), place, strict=True))
    return (
        f"{grouped(round(of.data.sum()))} stars, rms {of.rms:.2f} expected {of.expected_rms:.2f}, "
        f"χ² per bin {of.chi_squared_per_bin:.2f}, worst bin {'+' if sigma > 0 else ''}{signed(f'{sigma:.1f}')}σ "
        f"at {', '.join(_at(where, names))}"
    )


def _at(where: dict[str, float], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        unit = COORDINATES[name].unit
        yield f"{COORDINATES[name].label} = {number(where[name])}{f' {unit}' if unit else ''}"
