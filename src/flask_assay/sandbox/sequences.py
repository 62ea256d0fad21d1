"""Which sequences a test may have moved: PostgreSQL never takes that back by itself.

Reading every sequence after every test costs more than the test where there are many.  What a
statement may move is told by its words, as far as nothing hidden from them (a trigger, a
function, a rule) could move others; where it could, all sequences are looked at.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from flask_assay.sandbox.place import SequenceFact, TemplateFacts
from flask_assay.sandbox.statements import Kind, Statement

__all__ = ["Sequences"]

_MOVES = frozenset({"insert", "copy", "merge", "default"})
_NAMELESS = frozenset({"nextval", "setval"})
_CASCADES = frozenset({"delete", "update", "merge", "truncate"})
_MANY = 12
"""From so many on, one look at all of them costs less than setting each."""


@dataclass(slots=True)
class _Scope:
    """What was moved in one scope.

    Attributes:
        base: Values to return to where they are not the template's, by number; None if
            they could not be asked for.
        moved: Sequences that statements named.
        is_any: Any sequence may have been moved.
        is_set: ``setval`` may have been called.
    """

    base: dict[int, int] | None
    moved: set[SequenceFact] = field(default_factory=set)
    is_any: bool = False
    is_set: bool = False


class Sequences:
    """Notes statements, scope by scope, and answers with what puts the sequences back.

    Args:
        facts: Of the template.
    """

    def __init__(self, facts: TemplateFacts) -> None:
        self._facts = facts
        self._scopes = [_Scope({})]
        self._known: dict[frozenset[str], tuple[SequenceFact, ...] | None] = {}
        self._hidden = facts.functions | facts.unpredictable | _NAMELESS
        self._base: dict[int, int] | None = {}

    def question(self) -> str:
        """Return a query for the values that a scope which begins now must return to.

        "" where they are known: the template's, or as they were when last asked for.
        """
        if self._base is not None:
            return ""
        below = {one for scope in self._scopes for one in scope.moved}
        if any(scope.is_any for scope in self._scopes):
            below = set(self._facts.sequences)
        numbers = ", ".join(str(one.number) for one in sorted(below))
        return (
            "SELECT s, pg_sequence_last_value(s::regclass) "  # noqa: S608 - numbers
            f"FROM unnest(ARRAY[{numbers}]::bigint[]) AS s"
        )

    def answered(self, rows: Iterable[tuple[int, int | None]]) -> None:
        """Take the answer to `question`; a sequence without a value has not been used."""
        self._base = {number: value for number, value in rows if value is not None}

    def enter(self) -> None:
        """Begin a scope."""
        self._scopes.append(_Scope(self._base))

    def suspect_all(self) -> None:
        """Look at all sequences when the outermost scope in use ends."""
        self._scopes[-1].is_any = True

    def note(self, statement: Statement) -> None:
        """Note a statement that was sent, whether it failed or not."""
        if not self._facts.sequences:
            return
        if statement.kind is Kind.READ and not (
            statement.moves_sequences or statement.words & self._facts.functions
        ):
            return
        found = None if statement.is_ddl or statement.is_opaque else self._named(statement.words)
        if found == ():
            return
        scope, self._base = self._scopes[-1], None
        if found is None:
            scope.is_any = True
            names = self._facts.functions | {"setval"}
            scope.is_set = scope.is_set or not statement.words.isdisjoint(names)
        else:
            scope.moved.update(found)

    def _named(self, words: frozenset[str]) -> tuple[SequenceFact, ...] | None:
        """Return the sequences that a statement with these words may move; None for any."""
        if words not in self._known:
            self._known[words] = self._look(words)
        return self._known[words]

    def _look(self, words: frozenset[str]) -> tuple[SequenceFact, ...] | None:
        is_hidden = self._facts.unpredictable and not words.isdisjoint(_CASCADES)
        if is_hidden or not words.isdisjoint(self._hidden):
            return None
        if words.isdisjoint(_MOVES):
            return ()
        return tuple(
            one for one in self._facts.sequences if not one.words or not words.isdisjoint(one.words)
        )

    def leave(self) -> list[str]:
        """End the innermost scope; return what puts back what it moved."""
        scope = self._scopes.pop()
        self._base = scope.base
        if scope.base is None or not (scope.is_any or scope.moved):
            return []
        if not scope.base:
            return self._to_template(scope)
        base = scope.base
        names = set(self._facts.sequences) if scope.is_any else scope.moved
        return _set(
            replace(one, value=base[one.number], is_called=True) if one.number in base else one
            for one in names
        )

    def _to_template(self, scope: _Scope) -> list[str]:
        facts = self._facts
        if not scope.is_any and len(scope.moved) < _MANY:
            return _set(scope.moved)
        return [facts.restore_sequences_fully if scope.is_set else facts.restore_sequences]


def _set(sequences: Iterable[SequenceFact]) -> list[str]:
    calls = [
        f"setval({one.number}::regclass, {one.value}, {str(one.is_called).lower()})"
        for one in sorted(sequences)
    ]
    return [f"SELECT {', '.join(calls)}"] if calls else []
