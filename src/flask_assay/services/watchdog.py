"""The process that outlives its owner by the time it takes to clean up.

It is detached, ignores the terminal's signals, and does nothing but wait for the end of a pipe
whose other end is open in the owner alone. The owner's death, however it came, closes the pipe.
A look at the owner once a second covers a copy of that end which escaped into a child.
"""

import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import NamedTuple, Self

from flask_assay.services.extinction import extinguish, remove
from flask_assay.services.processes import Identity, is_alive

__all__ = ["DISMISSED", "Watch", "main"]

DISMISSED = b"."
LOOK_EVERY_S = 1.0


class Watch(NamedTuple):
    """What the watchdog is told.

    Attributes:
        run: The run's directory.
        run_id: Its mark.
        sockets: Its sockets' directory.
        owner: Whose death ends the run.
        pipe: Descriptor of the pipe's reading end.
    """

    run: str
    run_id: str
    sockets: str
    owner: Identity
    pipe: int

    def to_json(self) -> str:
        """Return the order as one command line argument."""
        return json.dumps({**self._asdict(), "owner": self.owner._asdict()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the order in a command line argument."""
        document = json.loads(text)
        return cls(**{**document, "owner": Identity(**document["owner"])})


def main() -> None:
    """Watch as the last argument says."""
    watch = Watch.from_json(sys.argv[-1])
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    if _is_dismissed(watch):
        os._exit(0)  # the owner waits, and nothing is left to be put in order
    extinguish(Path(watch.run), watch.run_id)
    remove(Path(watch.run), Path(watch.sockets))


def _is_dismissed(watch: Watch) -> bool:
    """Wait for the owner's word or its end."""
    while True:
        readable, _, _ = select.select([watch.pipe], [], [], LOOK_EVERY_S)
        if readable:
            return os.read(watch.pipe, 1) == DISMISSED
        if not is_alive(watch.owner):
            return False
