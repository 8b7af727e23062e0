"""Where a run came from and what may be said of it, in words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import settings
from core.catalog.catalogue import Catalogue
from core.catalog.cuts import grouped
from core.config import preset
from core.diagnostics.residual_maps import SignificanceMap
from core.errors import CorruptArtifactError
from core.phase_space.region import Everything
from core.runs.artifacts import fits_seal, read_json
from core.runs.manifest import PROVENANCE_KEYS
from core.runs.registry import Run
from core.runs.star_files import FlowSummary


def origin(run: Run, catalogue: Catalogue) -> dict[str, str]:
    """Names and values: the run, its stars, its region, its code and machine."""
    manifest, made = run.manifest, read_provenance(run)
    source = catalogue.record.get("source") or {}
    packages = ", ".join(f"{name} {version}" for name, version in made.get("packages", {}).items())
    everywhere = isinstance(manifest.region, Everything)
    facts = {
        "run": f"{manifest.name} ({run.id})",
        "created": manifest.created,
        "catalogue": f"{catalogue.name}, {grouped(len(catalogue))} stars",
        "fingerprint of the data": catalogue.id,
        "source file": str(source.get("file", "")),
        "SHA-256 of the file": str(source.get("sha256", "")),
        "cuts": str(catalogue.cut_flow) if catalogue.cut_flow.steps else "",
        "region": str(catalogue.region) if everywhere else f"{manifest.region}, in {catalogue.region}",
        "stars used": grouped(manifest.stars),
        "preset": manifest.preset,
        "seed": str(manifest.config.seed),
        "program": f"deep-potential {made.get('version', 'of unknown version')}",
        "commit": str(made.get("commit") or "not known"),
        "machine": f"{made.get('platform', '')}, Python {made.get('python', '')}",
        "packages": packages,
    }
    return {name: words for name, words in facts.items() if words}


def read_provenance(run: Run) -> Mapping[str, Any]:
    """The content of ``provenance.json``; CorruptArtifactError where it is damaged."""
    path = run.path / "provenance.json"
    made = read_json(path) if path.is_file() else {}
    if not isinstance(made, dict) or not isinstance(made.get("packages", {}), dict):
        raise CorruptArtifactError(f"{path} is damaged: it does not hold versions by their names")
    if not fits_seal(made) or set(made) - PROVENANCE_KEYS:  # the name of the seal may be what has changed
        raise CorruptArtifactError(f"{path} is damaged: its content does not match its SHA-256")
    return made


def changed_settings(run: Run) -> list[tuple[str, str, str, str]]:
    """Key, value of the preset, value of the run and meaning of every setting that is not the preset's."""
    usual = {s.key: s.value for s in settings.settings(preset(run.manifest.preset))}
    return [
        (s.key, _plain(usual[s.key]), _plain(s.value), f"{s.doc} [{s.unit}]" if s.unit else s.doc)
        for s in settings.settings(run.manifest.config)
        if s.value != usual[s.key]
    ]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Verdict:
    """What may be believed of something: ``good`` or a matter of caution, in words."""

    about: str
    good: bool
    words: str


def verdicts(
    scalars: Mapping[str, Any],
    summary: FlowSummary,
    maps: list[SignificanceMap],
    trusted: str,
    preview: str | None = None,
) -> list[Verdict]:
    """The judgements that the pages show beside their pictures, in sentences; why there is no ``preview``, if so."""
    found = []
    speed = scalars.get("pattern_speed")
    if speed:
        verdict = f"{speed['verdict']}".capitalize()
        found.append(Verdict("Pattern speed", bool(speed["constrained"]), f"{verdict}: {speed['reason']}."))
    warned = "; ".join(f"{e['label']}: {e['warning']}" for e in scalars.values() if e.get("warning"))
    if any("reliability" in entry for entry in scalars.values()):
        words = f"{warned}." if warned else "None lies largely where the fit is unreliable."
        found.append(Verdict("Averaging volumes", not warned, words))
    wrong = ", ".join(slope.where for slope in summary.slopes if not slope.agrees)
    if summary.slopes:
        words = f"The flow's gradient of ln n differs from the stars' at {wrong}."
        found.append(
            Verdict("Density of stars", not wrong, words if wrong else "The flow agrees with the star counts.")
        )
    left_out = "; ".join(f"flow {number}: {reason}" for number, reason in summary.rejected.items())
    words = f"Left out are {left_out}" if left_out else "None left out."
    found.append(Verdict("Flows", not left_out, f"{len(summary.held_out)} in use. {words}"))
    if preview:
        found.append(Verdict("Preview", False, f"The weak form is left out: {preview}."))
    worst = max(maps, key=lambda m: m.rms / m.expected_rms)
    ideal = f"{worst.rms:.2f} where {worst.expected_rms:.2f} is ideal"
    words = f"The significance of the worst projection, {worst.x} and {worst.y}, has an rms of {ideal}."
    found.append(Verdict("Flow against data", worst.rms < _MUCH * worst.expected_rms, words))
    negative = scalars.get("negative_density_fraction", {}).get("best")
    if negative is not None:
        words = f"{100 * negative:.1f} % of the trusted volume has ρ < 0."
        found.append(Verdict("Positive density", negative == 0, words))
    found.append(Verdict("Trusted volume", True, f"{trusted}; outside are no data, or the edge is felt."))
    return found


_MUCH = 1.3
"""Scatter of the significance over its ideal that asks for caution."""
