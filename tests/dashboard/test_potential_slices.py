"""The crosshair of the planes: a tap moves two coordinates at once."""

from dashboard.pages.potential_slices import PotentialSlices
from dashboard.session import Session


def test_a_tap_moves_both_coordinates_within_the_region(services, finished_run, idle):
    session = Session()
    page = PotentialSlices(session, services, finished_run())
    asked = len(idle)
    page._tapped({"x": 0.25, "y": -9.0})
    assert (session.at_x, session.at_y, session.at_z) == (0.25, -1.0, 0.0)
    assert len(idle) > asked
