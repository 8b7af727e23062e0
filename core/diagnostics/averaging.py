"""What to average anew of a finished run, and with which baryons: a value that travels in an address.

The potentials of a finished run are fixed; where they are averaged and what is subtracted is a matter of reading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core import settings
from core.baryons import choice
from core.config import Config
from core.diagnostics.volumes import OwnVolume, own_volume, trusted_shell
from core.errors import ConfigError, RegionError
from core.phase_space.region import Expression, Region

PREFIX = "scalars."
"""What the keys of the settings that may differ from the run's begin with."""

_MOST = 6
"""Volumes of one's own that a page has room for."""


@dataclass(frozen=True)
class Averaging:
    """Settings ``scalars.*`` that differ from the run's, by their full keys, and volumes of one's own.

    Raises ConfigError for a key or a value that cannot be, RegionError for volumes that cannot be told apart.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    own: tuple[OwnVolume, ...] = ()

    def __post_init__(self) -> None:
        for key in self.changes:
            if not key.startswith(PREFIX):
                raise ConfigError(
                    f"{key} cannot be changed in a finished run",
                    remedy=f"Only {PREFIX}… can; for another value fit again.",
                )
        checked = settings.replace(Config(), self.changes).scalars
        typed = {key: getattr(checked, key.removeprefix(PREFIX)) for key in self.changes}
        object.__setattr__(self, "changes", typed)
        names = [volume.name for volume in self.own]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise RegionError(f"two volumes have the name {twice[0]!r}", remedy="Name each, as in thin: Z < 0.1.")
        if len(self.own) > _MOST:
            raise RegionError(f"{len(self.own)} volumes are too many", remedy=f"Give {_MOST} at most.")

    @property
    def is_of_run(self) -> bool:
        """Whether everything is as the run has it."""
        return not self.changes and not self.own

    def config(self, config: Config, region: Region) -> Config:
        """The run's configuration with the changes.

        Raises ConfigError for a value out of bounds, or a volume beyond what can be trusted of the fitted region.
        """
        changed = settings.replace(config, self.changes)
        inner, outer = changed.scalars.inner, changed.scalars.outer
        if inner >= outer:
            raise ConfigError(
                f"the shell from {inner:g} to {outer:g} kpc has no volume",
                remedy=f"Give {PREFIX}inner below {PREFIX}outer.",
            )
        trusted = trusted_shell(changed, region).outer
        for key, value in ((f"{PREFIX}outer", outer), (f"{PREFIX}height", changed.scalars.height)):
            if key in self.changes and value > trusted * (1 + 1e-9):
                raise ConfigError(
                    f"{key} = {value:g} kpc reaches beyond {trusted:.4g} kpc, what can be trusted",
                    remedy=f"Give less; a volume of your own, such as r < {value:g}, may go to the edge of the region.",
                )
        return changed

    def words(self) -> list[str]:
        """What differs from the run, one thing each."""
        named = {**self.changes}
        if "=" in str(named.get(choice.KEY, "")):
            named[choice.KEY] = choice.chosen_model(named[choice.KEY], 0.0, 0.0).name
        return [
            *(f"{key} = {value}" for key, value in named.items()),
            *(f"{volume.name}: {volume.region}" for volume in self.own),
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values; :func:`from_json` is the inverse."""
        return {"changes": dict(self.changes), "own": [[v.name, v.region.text] for v in self.own]}


def from_json(values: Any) -> Averaging:
    """What ``to_json`` wrote; RegionError where it is malformed."""
    try:
        own = tuple(OwnVolume(str(name), Expression(str(text))) for name, text in values["own"])
        return Averaging(dict(values["changes"]), own)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RegionError(f"the volumes are malformed: {error!r}", remedy="Go back to the run's own.") from error


def from_options(assignments: Mapping[str, Any], volumes: Sequence[str]) -> Averaging:
    """What was typed: settings by their keys, and conditions with or without a name."""
    return Averaging(dict(assignments), tuple(own_volume(text, i) for i, text in enumerate(volumes, 1)))
