"""What a logical connection is, to those who know no driver."""

import re
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

__all__ = ["FailedTransactionError", "Logical", "Session", "next_ident", "reset_command"]

_idents = count(1)
_LEVEL = re.compile(r"(?:=|\bto\b)\s*'?(serializable|repeatable\s+read)'?\s*;?\s*$", re.IGNORECASE)
_IS_ON = re.compile(r"(?:=|\bto\b)\s*'?(?:on|true|yes|1)'?\s*;?\s*$", re.IGNORECASE)


def next_ident() -> int:
    """Return a number for a new logical connection."""
    return next(_idents)


def reset_command(name: str) -> str:
    """Return what sets a setting back; one of the app's own may be named by a reserved word.

    Example:
        >>> reset_command("app.user")
        'RESET "app"."user"'
    """
    if " " in name:  # SESSION AUTHORIZATION is syntax, not a name
        return f"RESET {name}"
    return "RESET " + ".".join(f'"{part}"' for part in name.split("."))


class FailedTransactionError(Exception):
    """The logical transaction failed earlier: the driver answers on its own.

    Without an argument 25P02; with the name of a savepoint that does not exist 3B001.
    """


@dataclass(slots=True)
class Session:
    """What belongs to a logical connection's session, not to a transaction.

    Attributes:
        lasting: Settings made while connecting; they hold for every test.
        current: Settings in effect, name to the statement that makes it.
        pending: Made in the open transaction; None means reset.
        local: What ``SET LOCAL`` changed in the open transaction, name to statement; ""
            where the statement cannot be sent again.
        is_new: Connecting is not over.
        is_pooled: A pool asked for it, and sets it up before it hands it over.
    """

    lasting: dict[str, str] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)
    pending: dict[str, str | None] = field(default_factory=dict)
    local: dict[str, str] = field(default_factory=dict)
    is_new: bool = True
    is_pooled: bool = False
    _marks: list[tuple[str, dict[str, str | None], dict[str, str]]] = field(default_factory=list)

    @property
    def is_being_set_up(self) -> bool:
        """Whether what is sent is a pool's: once per engine, in whichever test is the first."""
        return self.is_pooled and self.is_new

    @property
    def is_read_only(self) -> bool:
        """Whether ``default_transaction_read_only`` is on: at start-up or by ``SET``."""
        text = self.current.get("default_transaction_read_only", "")
        return _IS_ON.search(text) is not None

    @property
    def isolation(self) -> str:
        """What ``default_transaction_isolation`` says, if other than READ COMMITTED, or ""."""
        found = _LEVEL.search(self.current.get("default_transaction_isolation", ""))
        return " ".join(found.group(1).upper().split()) if found else ""

    def merge(self) -> None:
        """Keep what the transaction set."""
        for name, text in self.pending.items():
            if text is None:
                self.current.pop(name, None)
            else:
                self.current[name] = text
        if self.is_new:
            self.lasting = dict(self.current)
        self.forget()

    def forget(self) -> None:
        """Drop what the transaction set."""
        self.pending.clear()
        self.local.clear()
        self._marks.clear()

    def savepoint(self, name: str) -> None:
        """Note what was set when a savepoint was made."""
        self._marks.append((name, dict(self.pending), dict(self.local)))

    def released(self, name: str) -> None:
        """Forget a savepoint and those made after it; what was set since stays."""
        found = self._find(name)
        if found is not None:
            del self._marks[found:]

    def rolled_back_to(self, name: str) -> bool:
        """Undo what was set since a savepoint; return whether that is known."""
        found = self._find(name)
        if found is None:
            return False
        del self._marks[found + 1 :]
        _, pending, local = self._marks[found]
        self.pending, self.local = dict(pending), dict(local)
        return True

    def _find(self, name: str) -> int | None:
        """Return the place of the last savepoint of a name."""
        places = [at for at, mark in enumerate(self._marks) if mark[0] == name]
        return places[-1] if places else None


class Logical(Protocol):
    """What a driver's logical connection must offer."""

    ident: int
    session: Session

    @property
    def is_autocommit(self) -> bool:
        """Each statement is a transaction of its own."""
        ...

    @property
    def is_read_only(self) -> bool:
        """Its transactions are read-only."""
        ...

    @property
    def isolation(self) -> str:
        """An isolation level other than READ COMMITTED, or ""."""
        ...
