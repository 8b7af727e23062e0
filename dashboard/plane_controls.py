"""Controls of what is drawn on the three planes: quantity, view, where the planes cut, and contours."""

from collections.abc import Callable, Mapping

import panel as pn

from core.diagnostics.slices import AXES, FIELDS
from dashboard.session import Session
from dashboard.widgets import caption


def plane_controls(
    session: Session, views: Mapping[str, str], span: Callable[[str], tuple[float, float]]
) -> list[pn.viewable.Viewable]:
    """The controls, for the rail: ``views`` by what they are called, ``span`` of an axis [kpc]."""
    quantities = {f"{q.label}  [{q.unit}]": q.name for q in FIELDS.values()}
    if session.show not in views.values():
        session.show = "median"
    choose = {"sizing_mode": "stretch_width", "margin": (4, 0)}
    quantity = pn.widgets.Select(options=quantities, value=session.quantity, **choose)
    quantity.link(session, value="quantity")
    view = pn.widgets.Select(options=dict(views), value=session.show, **choose)
    view.link(session, value="show")
    offsets = [
        pn.widgets.FloatSlider.from_param(
            session.param[f"at_{axis}"],
            label=f"{axis} = const. [kpc]",
            start=span(axis)[0],
            end=span(axis)[1],
            step=0.01,
            format="0.00",
            sizing_mode="stretch_width",
            margin=(4, 8),
        )
        for axis in AXES
    ]
    contours = pn.widgets.Checkbox.from_param(session.param.contours, label="contours", margin=(4, 0))
    return [caption("Quantity"), quantity, view, caption("Planes"), *offsets, caption("Overlay"), contours]
