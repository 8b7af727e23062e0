"""Runs beside the first of them: what page and command tell of their scalars, and what was set otherwise.

Averages over different volumes are not compared: where runs differ in them, all are evaluated anew in the volume that
the runs have in common.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.config import Config
from core.diagnostics.comparison import Difference, common_region, scalar_difference
from core.diagnostics.scalar_draws import ScalarDraws, from_json
from core.errors import DeepPotentialError
from core.phase_space.region import Region
from core.runs.readings import common_pipelines
from core.runs.registry import Run
from core.settings import Setting, differences

Scalars = Mapping[str, ScalarDraws]


@dataclass(frozen=True)
class Measured:
    """A run, called by a letter, with its scalars or with why it has none."""

    letter: str
    run: Run
    document: Mapping[str, Any]
    scalars: Scalars
    error: str = ""

    @property
    def title(self) -> str:
        """Letter and name."""
        return f"{self.letter} · {self.run.manifest.name}"


def measured(letter: str, run: Run) -> Measured:
    """A run with its scalars as far as they are known and whole."""
    try:
        document = run.scalars
        return Measured(letter, run, document, {name: from_json(name, entry) for name, entry in document.items()})
    except DeepPotentialError as error:
        return Measured(letter, run, {}, {}, str(error))


@dataclass(frozen=True)
class Contrast:
    """A scalar of a run less that of the first; without a difference, ``reason`` says why there is none.

    ``truth`` is the true difference of two mocks.
    """

    difference: Difference | None
    reason: str = ""
    truth: float | None = None


def contrasts(run: Measured, first: Measured) -> dict[str, Contrast]:
    """How far every scalar that both have is from that of the first."""
    common = _common(run, first)
    names = [name for name in run.scalars if name in first.scalars]
    return {name: _contrast(run, first, name, common) for name in names}


def _common(run: Measured, first: Measured) -> frozenset[str]:
    """The pipelines that drew the same unknowns; none where a file cannot be read, so that all errors count."""
    try:
        return common_pipelines(run.run, first.run)
    except DeepPotentialError:
        return frozenset()


def _contrast(run: Measured, first: Measured, name: str, common: frozenset[str]) -> Contrast:
    ours, theirs = run.scalars[name], first.scalars[name]
    if ours.volume != theirs.volume:
        return Contrast(None, OTHER_VOLUME)
    unresolved = [m.letter for m in (first, run) if m.document.get(name, {}).get("constrained") is False]
    if unresolved:
        return Contrast(None, f"not constrained in {' and '.join(unresolved)}")
    truth = None if ours.truth is None or theirs.truth is None else ours.truth - theirs.truth
    return Contrast(scalar_difference(ours, theirs, common=common), truth=truth)


OTHER_VOLUME = "other volume"
"""Why there is no difference where volumes differ."""


def apart(runs: Sequence[Measured]) -> list[str]:
    """The letters of the runs some of whose scalars are averaged over other volumes than those of the first."""
    known = [m for m in runs if m.scalars]
    return [
        m.letter
        for m in known[1:]
        if any(s.volume != known[0].scalars[n].volume for n, s in m.scalars.items() if n in known[0].scalars)
    ]


def within_common(runs: Sequence[Measured], evaluate: Callable[[Run, Config, Region], Scalars]) -> list[Measured]:
    """All runs with their scalars in the common volume, averaged by ``evaluate`` as the first was asked to."""
    known = [m for m in runs if m.scalars]
    region = common_region([m.run.fitted_region for m in known])
    found = []
    for m in runs:
        if m.scalars:
            config = replace(m.run.manifest.config, scalars=known[0].run.manifest.config.scalars)
            try:
                m = replace(m, scalars=evaluate(m.run, config, region))
            except DeepPotentialError as error:
                m = replace(m, scalars={}, error=str(error))
        found.append(m)
    return found


def differing_settings(runs: Sequence[Run]) -> dict[str, list[str]]:
    """What differs between the specifications of the runs: for every name its value in each of them."""
    manifests = [run.manifest for run in runs]
    facts = {
        "catalogue": [f"{m.catalogue.name} · {m.catalogue.id}" for m in manifests],
        "region": [str(m.region) for m in manifests],
        "preset": [m.preset for m in manifests],
    }
    rows = {name: values for name, values in facts.items() if len(set(values)) > 1}
    return rows | {_name(row[0]): [_said(s.value) for s in row] for row in differences([m.config for m in manifests])}


def _name(setting: Setting) -> str:
    return f"{setting.key} [{setting.unit}]" if setting.unit else setting.key


def _said(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
