"""Mock catalogues with known truth: stationary systems whose f, forces and pattern speed are exact (PHYSICS 6)."""

import json
from collections.abc import Mapping
from typing import Any

from core.errors import InputError, suggestion
from core.mocks.freeman import FreemanSystem
from core.mocks.plummer import PlummerSphere
from core.mocks.shu_disc import ShuDisc
from core.mocks.slab_spiral import SlabSpiral
from core.mocks.system import Mock, NoExactDFError, StationarySystem, cbe_residual
from core.mocks.test_particles import DiscBar, DiscSpiral
from core.settings import from_dict, replace

__all__ = [
    "SYSTEMS",
    "Mock",
    "NoExactDFError",
    "StationarySystem",
    "UnknownSystemError",
    "cbe_residual",
    "from_truth",
    "system",
]

SYSTEMS: Mapping[str, type[StationarySystem]] = {
    kind.name: kind for kind in (PlummerSphere, FreemanSystem, SlabSpiral, ShuDisc, DiscSpiral, DiscBar)
}
"""Every system by the name that the command line knows."""


class UnknownSystemError(InputError):
    """No mock of that name."""


def system(name: str, overrides: Mapping[str, Any] | None = None) -> StationarySystem:
    """The system called ``name`` with its defaults, but for the dotted keys in ``overrides`` (text or numbers).

    Raises UnknownSystemError for the name and ConfigError for a key or a value, with the nearest known one.
    """
    return replace(_kind(name)(), overrides or {})


def from_truth(truth: Mapping[str, Any]) -> StationarySystem:
    """The system that a ``truth.json`` describes; the inverse of ``StationarySystem.truth``."""
    if not isinstance(truth.get("system"), str) or not isinstance(truth.get("parameters"), Mapping):
        raise InputError("this is not the truth of a mock", remedy="It needs the keys 'system' and 'parameters'.")
    lists_as_text = {k: json.dumps(v) if isinstance(v, list) else v for k, v in truth["parameters"].items()}
    return from_dict(_kind(truth["system"])(), lists_as_text)


def _kind(name: str) -> type[StationarySystem]:
    if name not in SYSTEMS:
        raise UnknownSystemError(f"unknown mock {name!r}", remedy=suggestion(name, SYSTEMS))
    return SYSTEMS[name]
