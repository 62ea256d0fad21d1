"""Many logical transactions over one physical connection: the bookkeeping, without any I/O.

A universe is told what the app does on each logical connection and answers with the commands
that the physical connection must be sent.  It never sends anything itself, which is why it can
be tested against a model with random programs.

The rules, in one place:

* The first transaction above a *base* (the outer ``BEGIN``, or the savepoint of a scope) needs
  no savepoint of its own: rolling back to the base is its rollback.
* A committed transaction owes a ``RELEASE``, which rides on the next message.
* Rolling X back is faithful unless *another* transaction wrote after X's floor; its
  savepoints, if it only read, are made again.  Otherwise `NotFaithfulError`.
* While two transactions are open each statement is guarded by a savepoint of its own, because
  an error in one would abort the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

__all__ = ["Mark", "NotFaithfulError", "Scope", "Transaction", "Universe"]

_SCOPE = -1
_BELOW = "a rollback reaches below the test, into what a shared fixture began"


class NotFaithfulError(Exception):
    """What the app asks for cannot be shown by savepoints."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A savepoint that stands on the server.

    Attributes:
        name: As the server knows it.
        owner: Transaction that it belongs to; `_SCOPE` for a scope; None when orphaned.
        position: Its place in the order of writes and savepoints.
        is_user: The app made it.
    """

    name: str
    owner: int | None
    position: int
    is_user: bool = False


@dataclass(slots=True)
class Transaction:
    """A logical transaction.

    Attributes:
        ident: Number, unique in the universe.
        floor: Savepoint that its rollback returns to; None means the outer ``BEGIN``.
        owns_floor: The floor was made for it, and is released when it commits.
        wrote: It changed something.
        touched: It did anything that a rollback must undo (writes, settings, cursors).
        failed: Its last statement failed; only a rollback gets it going again.
        gone: Its effects were undone already, to let others go on.
    """

    ident: int
    floor: Mark | None
    owns_floor: bool
    wrote: bool = False
    touched: bool = False
    failed: bool = False
    gone: bool = False


@dataclass(slots=True)
class Scope:
    """A stretch of time whose effects end with it: a session, a module, a test.

    Attributes:
        label: For messages.
        touched: A statement ran in it.
        mark: Savepoint that its end returns to; None means the outer ``BEGIN``.
        saved: What the universe was when the scope was first touched.
    """

    label: str
    touched: bool = False
    mark: Mark | None = None
    saved: "_Saved | None" = None


@dataclass(frozen=True, slots=True)
class _Saved:
    stack: tuple[Mark, ...]
    transactions: tuple[tuple[int, Transaction], ...]
    writes: tuple[tuple[int, int], ...]
    base: Mark | None


@dataclass(slots=True)
class Universe:
    """The state of one physical connection, as many logical ones see it.

    Attributes:
        begin: Commands that open the outer transaction.
        deferrable: The template has deferrable constraints.
        redefer: Command that defers the initially deferred ones again; "" if there are none.
    """

    begin: tuple[str, ...] = ("BEGIN",)
    deferrable: bool = False
    redefer: str = ""
    begun: bool = False
    stack: list[Mark] = field(default_factory=list)
    open: dict[int, Transaction] = field(default_factory=dict)
    writes: list[tuple[int, int]] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=lambda: [Scope("process")])
    base: Mark | None = None
    aborted_by: int | None = None
    owed: list[str] = field(default_factory=list)
    guard: str | None = None
    _positions: Iterator[int] = field(default_factory=lambda: count(1))
    _idents: Iterator[int] = field(default_factory=lambda: count(1))

    # -- scopes ---------------------------------------------------------------------------

    def enter(self, label: str) -> None:
        """Begin a scope; costs nothing until a statement runs in it."""
        self.scopes.append(Scope(label))

    def leave(self) -> list[str]:
        """End the innermost scope and return what undoes it."""
        scope = self.scopes.pop()
        if not scope.touched:
            return []
        self.owed.clear()
        self.guard = self.aborted_by = None
        saved = scope.saved
        if scope.mark is None or saved is None:
            commands = ["ROLLBACK"] if self.begun else []
            self._forget()
            return commands
        self.open = {key: replace(txn) for key, txn in saved.transactions}
        self.writes = list(saved.writes)
        is_shared = any(outer.mark == scope.mark for outer in self.scopes)
        left = scope.mark if is_shared else replace(scope.mark, owner=None)
        self.base = left if is_shared else saved.base
        self.stack = [*saved.stack, left]
        return [f"ROLLBACK TO {left.name}"]

    def _forget(self) -> None:
        self.begun = False
        self.stack.clear()
        self.open.clear()
        self.writes.clear()
        self.base = None
        for scope in self.scopes:
            scope.touched, scope.mark, scope.saved = False, None, None

    def _touch_scopes(self) -> list[str]:
        """Give every scope that is touched for the first time the state to return to."""
        fresh = [scope for scope in self.scopes if not scope.touched]
        if not fresh:
            return []
        if self.aborted_by is not None:
            raise NotFaithfulError("a shared fixture left a failed transaction open")
        commands: list[str] = []
        mark = None
        if self.begun:
            saved = _Saved(
                tuple(self._settled_stack()),
                tuple((key, replace(txn)) for key, txn in self.open.items()),
                tuple(self.writes),
                self.base,
            )
            mark, commands = self._floor(_SCOPE)
            self.base = mark
            for scope in fresh:
                scope.saved = saved
        for scope in fresh:
            scope.touched, scope.mark = True, mark
        return commands

    def _settled_stack(self) -> list[Mark]:
        """Return the stack without a clean orphan on top: the scope takes that one over."""
        return self.stack[:-1] if self._has_spare() else self.stack

    def _has_spare(self) -> bool:
        """Whether the topmost savepoint is a free one of ours, with nothing written since."""
        top = self.stack[-1] if self.stack else None
        return (
            top is not None
            and top.owner is None
            and not top.is_user
            and not any(at > top.position for _, at in self.writes)
        )

    # -- the life of a transaction --------------------------------------------------------

    def statement(
        self, logical: int, *, read_only: bool = False, guarded: bool = True
    ) -> list[str]:
        """Return what must be sent in front of a statement of a logical connection.

        Args:
            logical: The connection; its transaction starts here if it has none.
            read_only: A transaction that starts here is read-only.
            guarded: Whether the statement may be wrapped in a guard (savepoint statements
                may not).
        """
        commands = self._heal(logical)
        commands += self._take_owed() if self.aborted_by is None else []
        if not self.begun:
            commands += self.begin
        commands += self._touch_scopes()
        self.begun = True
        if logical not in self.open:
            commands += self._start(logical, read_only=read_only)
        if guarded and sum(not txn.gone for txn in self.open.values()) > 1:
            self.guard = f"assay_g{next(self._positions)}"
            commands.append(f"SAVEPOINT {self.guard}")
        return commands

    def _take_owed(self) -> list[str]:
        owed, self.owed = self.owed, []
        return owed

    def _new_mark(self, owner: int | None, name: str = "") -> Mark:
        position = next(self._positions)
        return Mark(name or f"assay_{position}", owner, position, is_user=bool(name))

    def _start(self, logical: int, *, read_only: bool) -> list[str]:
        ident = next(self._idents)
        floor, owns_floor = self.base, False
        commands: list[str] = []
        if read_only or not self._base_is_clean():
            floor, commands = self._floor(ident)
            owns_floor = True
        if read_only:
            commands.append("SET TRANSACTION READ ONLY")
        self.open[logical] = Transaction(ident, floor, owns_floor)
        return commands

    def _base_is_clean(self) -> bool:
        """Whether a rollback to the base would undo nothing that should live."""
        low = self.base.position if self.base else 0
        top = self.stack[-1] if self.stack else None
        return not self.open and top is self.base and not any(at > low for _, at in self.writes)

    def _floor(self, ident: int) -> tuple[Mark, list[str]]:
        if self._has_spare():
            mark = replace(self.stack[-1], owner=ident)
            self.stack[-1] = mark
            return mark, []
        mark = self._new_mark(ident)
        self.stack.append(mark)
        return mark, [f"SAVEPOINT {mark.name}"]

    def succeeded(self, logical: int, *, writes: bool, touches: bool = False) -> None:
        """Note that a statement went through.

        Args:
            logical: The connection that sent it.
            writes: It changed something that a rollback undoes.
            touches: It changed something else that a rollback must undo.
        """
        txn = self.open[logical]
        txn.touched = txn.touched or touches or writes
        if writes:
            txn.wrote = True
            self.writes.append((txn.ident, next(self._positions)))
        if self.guard:
            self.owed.append(f"RELEASE {self.guard}")
            self.guard = None

    def errored(self, logical: int) -> list[str]:
        """Note that a statement failed; return what keeps the others alive."""
        txn = self.open[logical]
        txn.failed = txn.touched = True
        if self.guard:
            guard, self.guard = self.guard, None
            return [f"ROLLBACK TO {guard}", f"RELEASE {guard}"]
        self.aborted_by = txn.ident
        return []

    def is_failed(self, logical: int) -> bool:
        """Whether the connection must answer 25P02 although the server would not."""
        txn = self.open.get(logical)
        return txn is not None and txn.failed and self.aborted_by != txn.ident

    def _heal(self, logical: int) -> list[str]:
        """Undo the failure of another transaction, so that this one can go on."""
        if self.aborted_by is None:
            return []
        culprit = next((t for t in self.open.values() if t.ident == self.aborted_by), None)
        own = self.open.get(logical)
        if culprit is None or culprit is own:
            return []
        self.aborted_by = None
        marks = [mark for mark in self.stack if mark.owner == culprit.ident]
        target = marks[-1] if marks else culprit.floor
        return self._undo(culprit, target)

    def _undo(self, txn: Transaction, target: Mark | None) -> list[str]:
        """Return to a mark: everything that `txn` did above it is undone."""
        low = target.position if target else 0
        self._check_faithful(txn, low)
        self.writes = [(who, at) for who, at in self.writes if at <= low]
        self._skip_releases()
        txn.gone = low == (txn.floor.position if txn.floor else 0)
        if target is None:
            lost = [mark for mark in self.stack if self._is_open(mark, txn)]
            self.stack.clear()
            commands = ["ROLLBACK"]
            self.begun = bool(lost)
            commands += self.begin if self.begun else ()
            return commands + self._again(lost)
        index = self._index(target)
        lost = [mark for mark in self.stack[index + 1 :] if self._is_open(mark, txn)]
        del self.stack[index + 1 :]
        return [f"ROLLBACK TO {_quoted(target)}", *self._again(lost)]

    def _skip_releases(self) -> None:
        """Forget releases that are owed: those savepoints lie above all that an undo keeps."""
        self.owed = [command for command in self.owed if not command.startswith("RELEASE")]

    def _is_open(self, mark: Mark, txn: Transaction) -> bool:
        return any(mark.owner == one.ident for one in self.open.values() if one is not txn)

    def _index(self, mark: Mark) -> int:
        index = next(i for i, here in enumerate(self.stack) if here.position == mark.position)
        if any(above.name == mark.name for above in self.stack[index + 1 :]):
            raise NotFaithfulError(f"two connections have a savepoint {mark.name!r}")
        return index

    def _again(self, lost: list[Mark]) -> list[str]:
        """Make savepoints again that an undo below them destroyed."""
        commands = []
        for old in lost:
            new = replace(old, position=next(self._positions))
            self.stack.append(new)
            for txn in self.open.values():
                if txn.floor is not None and txn.floor.position == old.position:
                    txn.floor = new
            commands.append(f"SAVEPOINT {_quoted(new)}")
        return commands

    def _check_faithful(self, txn: Transaction, low: int) -> None:
        if any(who != txn.ident and at > low for who, at in self.writes):
            raise NotFaithfulError(
                "a rollback would take back what another connection wrote in the meantime"
            )
        if any(mark.position > low and mark.owner == _SCOPE for mark in self.stack):
            raise NotFaithfulError(_BELOW)

    # -- commit and rollback --------------------------------------------------------------

    def before_commit(self, logical: int) -> list[str]:
        """Return the check that a real commit would make, if there is one to make."""
        txn = self.open.get(logical)
        if txn is None or txn.failed or not txn.wrote or not self.deferrable:
            return []
        return [*self._take_owed(), *self._touch_scopes(), "SET CONSTRAINTS ALL IMMEDIATE"]

    def commit(self, logical: int) -> list[str]:
        """End a transaction and keep what it did; return what must be sent now."""
        txn = self.open.get(logical)
        if txn is None:
            return []
        if txn.failed:
            return self.rollback(logical)
        commands = self._touch_late()
        del self.open[logical]
        if txn.wrote and self.deferrable and self.redefer:
            self.owed.append(self.redefer)
        self._dissolve(txn)
        return commands

    def _touch_late(self) -> list[str]:
        """Touch the scopes for what is no statement but ends a transaction of an outer scope."""
        if all(scope.touched for scope in self.scopes):
            return []
        return [*self._take_owed(), *self._touch_scopes()]

    def _dissolve(self, txn: Transaction) -> None:
        """Give up the savepoints of a transaction that ended well."""
        self.stack = [
            replace(mark, owner=None) if mark.owner == txn.ident else mark for mark in self.stack
        ]
        self._release_orphans()

    def _release_orphans(self) -> None:
        lowest = None
        while self.stack and self.stack[-1].owner is None:
            lowest = self.stack.pop()
        if lowest is not None:
            self.owed.append(f"RELEASE {_quoted(lowest)}")

    def rollback(self, logical: int) -> list[str]:
        """End a transaction and undo what it did; return what must be sent now.

        Raises:
            NotFaithfulError: The undo would take back what must live.
        """
        txn = self.open.get(logical)
        if txn is None:
            return []
        if txn.gone or not (txn.touched or txn.failed):
            commands = self._touch_late()
            del self.open[logical]
            self._dissolve(txn)
            return commands
        if not all(scope.touched for scope in self.scopes):
            raise NotFaithfulError(_BELOW)
        commands = [] if self.aborted_by == txn.ident else self._take_owed()
        commands += self._undo(txn, txn.floor)
        if self.aborted_by == txn.ident:
            self.aborted_by = None
        del self.open[logical]
        if not self.begun:
            self._after_full_rollback()
        elif txn.owns_floor and txn.floor is not None:
            index = self._index(txn.floor)
            self.stack[index] = replace(self.stack[index], owner=None)
        return commands

    def _after_full_rollback(self) -> None:
        self.owed.clear()
        self.base = None
        for scope in self.scopes:
            scope.touched, scope.mark, scope.saved = False, None, None

    def fence(self, logical: int) -> list[str]:
        """Put a savepoint into a transaction, so that what it SETs for itself ends with it."""
        txn = self.open[logical]
        mark = self._new_mark(txn.ident)
        self.stack.append(mark)
        return [f"SAVEPOINT {mark.name}"]

    # -- the app's own savepoints ---------------------------------------------------------

    def savepoint(self, logical: int, name: str) -> None:
        """Note a savepoint that the app made."""
        txn = self.open[logical]
        self.stack.append(self._new_mark(txn.ident, name))

    def check_savepoint(self, logical: int, name: str) -> None:
        """Refuse what names a savepoint that others stand on, before it is sent.

        Raises:
            NotFaithfulError: The server would resolve the name differently from a
                connection of its own.
        """
        txn = self.open.get(logical)
        found = self._find(txn, name)
        same = [mark for mark in self.stack if mark.is_user and mark.name == name]
        if txn is None or found is None:
            if same:
                raise NotFaithfulError(f"savepoint {name!r} belongs to another connection")
            return
        above = self.stack[self.stack.index(found) + 1 :]
        if not all(scope.touched for scope in self.scopes) or any(
            mark.owner != txn.ident for mark in above
        ):
            raise NotFaithfulError(
                f"savepoint {name!r} lies below another connection's transaction or the test"
            )
        self._check_faithful(txn, found.position)

    def has_savepoint(self, logical: int, name: str) -> bool:
        """Whether the app made a savepoint of that name in its open transaction."""
        return self._find(self.open.get(logical), name) is not None

    def _find(self, txn: Transaction | None, name: str) -> Mark | None:
        if txn is None:
            return None
        own = [m for m in self.stack if m.owner == txn.ident and m.is_user and m.name == name]
        return own[-1] if own else None

    def released(self, logical: int, name: str) -> None:
        """Note that the app released a savepoint."""
        found = self._find(self.open.get(logical), name)
        if found is not None:
            del self.stack[self.stack.index(found) :]

    def rolled_back_to(self, logical: int, name: str) -> None:
        """Note that the app rolled back to a savepoint."""
        txn = self.open[logical]
        found = self._find(txn, name)
        if found is None:
            return
        del self.stack[self.stack.index(found) + 1 :]
        self._skip_releases()
        self.writes = [
            (who, at) for who, at in self.writes if who != txn.ident or at <= found.position
        ]
        txn.failed = False
        if self.aborted_by == txn.ident:
            self.aborted_by = None


def _quoted(mark: Mark) -> str:
    return '"' + mark.name.replace('"', '""') + '"' if mark.is_user else mark.name
