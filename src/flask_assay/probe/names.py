"""Names become numbers, once; their number and their size are bounded."""

from collections.abc import Callable
from threading import Lock

from flask_assay.recording.wire import name_frame

__all__ = ["OTHER", "Names"]

OTHER = "(other)"  # stands for every name beyond a cap
MAX_NAMES = {"statement": 2_000, "site": 4_000}
MAX_NAMES_OF_A_KIND = 1_000
MAX_NAME_CHARS = 6_000
MAX_TOTAL_CHARS = 2_000_000


class Names:
    """The names that one process has written so far.

    Args:
        write: Takes a NAME frame. It is called before the id is known to anyone else,
            so a frame that refers to a name always follows it.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.reset()

    def reset(self) -> None:
        """Forget all names: a forked process writes a file of its own."""
        self._ids: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._last = self._chars = 0
        self._lock = Lock()

    def id(self, kind: str, text: str) -> int:
        """Return the number of a name, 0 for the empty one, that of "(other)" beyond the cap."""
        if not text:
            return 0
        found = self._ids.get((kind, text))
        return self._add(kind, text) if found is None else found

    def _add(self, kind: str, text: str) -> int:
        text = text[:MAX_NAME_CHARS]
        with self._lock:
            if self._is_full(kind, text):
                text = OTHER
            found = self._ids.get((kind, text))
            if found is None:
                self._last = found = self._last + 1
                self._counts[kind] = self._counts.get(kind, 0) + 1
                self._chars += len(text)
                self._write(_frame(found, kind, text))
                self._ids[kind, text] = found
            return found

    def _is_full(self, kind: str, text: str) -> bool:
        cap = MAX_NAMES.get(kind, MAX_NAMES_OF_A_KIND)
        return self._counts.get(kind, 0) >= cap or self._chars + len(text) > MAX_TOTAL_CHARS

    def frames(self) -> bytes:
        """Return the NAME frames of all names."""
        with self._lock:
            known = list(self._ids.items())
        return b"".join(_frame(number, kind, text) for (kind, text), number in known)


def _frame(number: int, kind: str, text: str) -> bytes:
    # Undecodable bytes reach Python as lone surrogates, which have no UTF-8.
    return name_frame(number, kind, text.encode("utf-8", "replace").decode())
