"""Diagrams as markup: the task graph of a run as it goes, and the volumes over which scalars are averaged."""

import html
from collections.abc import Sequence

from core.jobs.graph import STAGES
from core.jobs.status import TaskStatus
from core.pipelines import TITLES
from dashboard.plots.palette import Palette


def task_graph(tasks: Sequence[TaskStatus]) -> str:
    """The tasks of a run in columns, one stage after the other, each with how far it is."""
    columns = []
    for kind, title in STAGES:
        boxes = [_box(t, title) for t in tasks if t.spec.kind == kind]
        columns.append(f'<div style="display:grid;gap:8px;align-content:center;flex:1 1 150px">{"".join(boxes)}</div>')
    arrow = '<div aria-hidden="true" style="align-self:center;color:var(--muted)">→</div>'
    return f'<div style="display:flex;gap:10px;flex-wrap:wrap">{arrow.join(columns)}</div>'


_TONES = {"done": "var(--good)", "running": "var(--action)", "failed": "var(--caution)"}


def _box(task: TaskStatus, title: str) -> str:
    tone = _TONES.get(task.state, "var(--line)")
    parameters = task.spec.parameters
    name = title
    if "members" in parameters and isinstance(parameters["members"], list):
        name = f"{title} {', '.join(str(m + 1) for m in parameters['members'])}"
    pipeline = TITLES.get(str(parameters.get("pipeline", "")), "")
    words = task.state if task.state != "running" else f"{100 * task.fraction:.0f} %"
    detail = html.escape(" · ".join(part for part in (pipeline, words) if part))
    width = f"{100 * task.fraction:.0f}%"
    title_text = f' title="{html.escape(task.message)}"' if task.message else ""
    return (
        f'<div{title_text} style="border:1px solid {tone};border-radius:6px;padding:6px 10px 8px;position:relative">'
        f'<div style="font-weight:600">{html.escape(name)}</div><div class="muted">{detail}</div>'
        f'<div style="position:absolute;left:0;bottom:0;height:3px;width:{width};background:{tone};border-radius:3px">'
        "</div></div>"
    )


def averaging_diagram(inner: float, outer: float, slab: float, reach: float, palette: Palette) -> str:
    """The shell, the slab and the midplane through the Sun, seen from the side, as SVG; radii in kpc."""
    scale = 100 / reach
    circle = f'<circle r="{{}}" fill="{{}}" fill-opacity="{{}}" stroke="{palette.line}"/>'
    parts = [
        circle.format(100, palette.muted, 0.12),
        circle.format(outer * scale, palette.action, 0.35),
        f'<clipPath id="shell"><circle r="{outer * scale}"/></clipPath>',
        f'<rect x="-100" y="{-slab * scale}" width="200" height="{2 * slab * scale}" fill="{palette.action}" '
        'fill-opacity="0.3" clip-path="url(#shell)"/>',
        circle.format(inner * scale, palette.panel, 1),
        f'<line x1="0" x2="0" y1="{-outer * scale}" y2="{outer * scale}" stroke="{palette.ink}" stroke-width="1.5"/>',
        _label(4, -outer * scale + 16, "column at R0", palette.ink),
        _label(outer * scale * 0.42, -slab * scale - 6, "shell", palette.ink),
        _label(outer * scale * 0.42, slab * scale - 6, "slab", palette.ink),
    ]
    words = f"{inner:g} < r < {outer:g} kpc"
    return (
        f'<svg viewBox="-110 -112 220 244" role="img" aria-label="Averaging volumes: {words}" '
        f'style="width:100%;max-height:230px;font:9px sans-serif">{"".join(parts)}'
        f"{_label(0, 126, words, palette.muted, 'middle')}</svg>"
    )


def _label(x: float, y: float, words: str, colour: str, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}" text-anchor="{anchor}">{html.escape(words)}</text>'
