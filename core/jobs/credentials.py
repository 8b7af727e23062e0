"""The key with which runner, scheduler and workers of a cluster know each other: made once, and kept by its owner.

Whoever reaches a Dask scheduler without one can run programs as its user. So addresses are TLS unless they say tcp://,
which is warned of; the embedded cluster needs none, because it has no port.
"""

import logging
import os
import subprocess
from pathlib import Path

from distributed.security import Security

from core.errors import InputError

TLS_VARIABLE = "DEEP_POTENTIAL_TLS"
_CERTIFICATE, _KEY = "cert.pem", "key.pem"
log = logging.getLogger("deep_potential.jobs")


def tls_directory() -> Path:
    """Where the key is: DEEP_POTENTIAL_TLS, else ``~/.deep-potential/tls``, which a cluster's nodes share."""
    return Path(os.environ.get(TLS_VARIABLE) or Path.home() / ".deep-potential" / "tls").expanduser()


def credentials() -> Security:
    """The key and its certificate, which is the only one that is trusted; made where there is none yet."""
    place = tls_directory()
    if not (place / _CERTIFICATE).is_file():
        _make(place)
    files = {f"tls_{role}_{what}": str(place / name) for role in _ROLES for what, name in _FILES}
    return Security(tls_ca_file=str(place / _CERTIFICATE), require_encryption=True, **files)


_ROLES = ("client", "scheduler", "worker")
_FILES = (("cert", _CERTIFICATE), ("key", _KEY))


def _make(place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"]
    out = ["-keyout", str(place / _KEY), "-out", str(place / _CERTIFICATE)]
    try:
        command = ["openssl", "req", "-x509", *curve, "-subj", "/CN=deep-potential", *out]
        subprocess.run(command, check=True, capture_output=True, umask=0o077)
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(
            f"no key for the cluster can be made: {error}",
            file=place,
            remedy=f"Install openssl, or put {_CERTIFICATE} and {_KEY} there.",
        ) from error


def security_of(address: str) -> tuple[str, Security | None]:
    """The address with its protocol, TLS unless it says otherwise, and what opens it."""
    if "://" not in address:
        address = f"tls://{address}"
    if address.startswith("tcp://"):
        log.warning("%s is not encrypted: whoever reaches it can run programs as you. Use tls://", address)
        return address, None
    return address, credentials() if address.startswith("tls://") else None
