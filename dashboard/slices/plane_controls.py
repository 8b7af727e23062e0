"""Controls of what is drawn on the three planes: quantity, view, where the planes cut, and what lies over them."""

from collections.abc import Mapping, Sequence

import numpy as np
import panel as pn

from core.baryons.literature import LITERATURE
from core.diagnostics.field_quantities import DARK_MATTER, FieldQuantity
from core.diagnostics.slices import Slicer
from core.diagnostics.turned_axes import AXES, Place, moved
from dashboard.session import Session
from dashboard.widgets import caption, unseen

DRAWN_ANEW = ["quantity", "at_x", "at_y", "at_z", "turn", "arrows", "baryons"]
"""Choices of the session for which something has to be computed."""

_FILL = {"sizing_mode": "stretch_width", "margin": (4, 0)}


def crosshair(session: Session) -> Place:
    """Where the planes meet [kpc]."""
    return session.at_x, session.at_y, session.at_z


def move_crosshair(session: Session, slicer: Slicer, along: Mapping[str, float], turn: float) -> None:
    """Move it to coordinates along axes turned by ``turn`` [deg], within the extents of the region."""
    inside = {axis: float(np.clip(value, *slicer.span(axis, turn))) for axis, value in along.items()}
    place = zip(AXES, moved(crosshair(session), turn, **inside), strict=True)
    session.param.update(**{f"at_{axis}": round(float(np.clip(v, *slicer.span(axis))), 3) for axis, v in place})


def with_chosen_baryons(slicer: Slicer, choice: str) -> Slicer:
    """The slicer with the baryons that the session names, where it names any that are known."""
    return slicer.less(LITERATURE[choice]) if choice in LITERATURE else slicer


def common_quantities(slicers: Sequence[Slicer]) -> dict[str, FieldQuantity]:
    """What can be sliced of all fits."""
    return {n: q for n, q in slicers[0].quantities.items() if all(n in slicer.quantities for slicer in slicers)}


def plane_controls(session: Session, views: Mapping[str, str], slicers: Sequence[Slicer]) -> list[pn.viewable.Viewable]:
    """The controls, for the rail: ``views`` by what they are called, of fits that the ``slicers`` cut alike."""
    quantities = {q.axis_label: name for name, q in common_quantities(slicers).items()}
    quantity = pn.widgets.Select(options=quantities, value=session.quantity, **_FILL, **unseen("quantity"))
    quantity.link(session, value="quantity")
    view = pn.widgets.Select(options=dict(views), value=session.show, **_FILL, **unseen("what is shown of it"))
    view.link(session, value="show")
    planes = [_offset(session, slicers[0], axis) for axis in AXES]
    turn = pn.widgets.FloatSlider.from_param(
        session.param.turn, label="upright planes turned by [deg]", step=1.0, format="0", **_SLIDER
    )
    overlays = [
        pn.widgets.Checkbox.from_param(session.param[name], label=label, margin=(4, 0))
        for name, label in (("contours", "contours"), ("arrows", "arrows of the force"))
    ]
    chosen = [caption("Quantity"), quantity, view, _baryons(session, slicers[0])]
    return [*chosen, caption("Planes"), *planes, turn, caption("Overlay"), *overlays]


_SLIDER = {"sizing_mode": "stretch_width", "margin": (4, 8)}


def _offset(session: Session, slicer: Slicer, axis: str) -> pn.viewable.Viewable:
    low, high = slicer.span(axis)
    return pn.widgets.FloatSlider.from_param(
        session.param[f"at_{axis}"], label=f"{axis} [kpc]", start=low, end=high, step=0.01, format="0.00", **_SLIDER
    )


def _baryons(session: Session, slicer: Slicer) -> pn.viewable.Viewable:
    """The model that is subtracted, shown with ρ_DM alone."""
    own = slicer.baryons.name if slicer.baryons is not None else ""
    options = {own: "", **{name: name for name in LITERATURE if name != own}}
    value = session.baryons if session.baryons in options.values() else ""
    choice = pn.widgets.Select(label="baryons subtracted", options=options, value=value, **_FILL)
    choice.link(session, value="baryons")

    def follow(*events: object) -> None:
        choice.visible = session.quantity == DARK_MATTER

    session.param.watch(follow, "quantity")
    follow()
    return choice


def make_valid(session: Session, views: Sequence[str], slicers: Sequence[Slicer]) -> None:
    """Replace what an address may ask for and these runs do not have."""
    if session.quantity not in common_quantities(slicers):
        session.quantity = "density"
    if session.show not in views:
        session.show = "median"
