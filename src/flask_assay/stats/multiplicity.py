"""Many questions asked at once: which answers may still be called answers.

References:
    Y. Benjamini, Y. Hochberg, "Controlling the False Discovery Rate", 1995. Where nothing has an
    effect, the rate is that of claiming anything at all; where much has, it claims more than a
    bar that grows with the number of questions.
"""

from collections.abc import Hashable, Mapping
from typing import TypeVar

__all__ = ["discoveries"]

_Key = TypeVar("_Key", bound=Hashable)


def discoveries(tails: Mapping[_Key, float], *, rate: float) -> frozenset[_Key]:
    """Return the questions whose answer is no accident.

    Args:
        tails: Question → p of "nothing there".
        rate: Share of wrong ones among those returned, on average, 0..1.

    Example:
        >>> sorted(discoveries({"a": 0.001, "b": 0.02, "c": 0.9}, rate=0.05))
        ['a', 'b']
    """
    ordered = sorted(tails, key=tails.__getitem__)
    count = max(
        (n for n, key in enumerate(ordered, 1) if tails[key] <= rate * n / len(ordered)), default=0
    )
    return frozenset(ordered[:count])
