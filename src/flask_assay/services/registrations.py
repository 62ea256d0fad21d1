"""What a run writes down about the processes that it starts."""

import contextlib
import json
from pathlib import Path
from typing import NamedTuple

from flask_assay.services.processes import Identity

__all__ = ["Registration", "read_registrations", "register"]


class Registration(NamedTuple):
    """One process that a run started.

    Attributes:
        name: Its name within the run.
        identity: Which process.
        end_signal: What asks it to end at once and orderly.
        session: Its session, by which members of its group are known after its death.
    """

    name: str
    identity: Identity
    end_signal: int
    session: int


def register(directory: Path, registration: Registration) -> None:
    """Write down a process, whole or not at all."""
    path = directory / f"{registration.identity.pid}.json"
    beside = path.with_suffix(".part")
    identity = registration.identity._asdict()
    beside.write_text(json.dumps({**registration._asdict(), "identity": identity}))
    beside.replace(path)


def read_registrations(directory: Path) -> list[Registration]:
    """Return the processes that a run wrote down; what is not readable is left out.

    The directory may vanish meanwhile: whoever else ends the run removes it.
    """
    found: list[Registration] = []
    paths: list[Path] = []
    with contextlib.suppress(OSError):
        paths += directory.glob("*.json")
    for path in paths:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            document = json.loads(path.read_text())
            identity = Identity(**document.pop("identity"))
            found.append(Registration(identity=identity, **document))
    return found
