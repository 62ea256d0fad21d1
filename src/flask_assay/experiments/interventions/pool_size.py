"""Give every connection pool of the app another size."""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["before_import"]


def before_import(parameters: Mapping[str, Any]) -> Callable[[], None]:
    """Override the sizes that pools are made with, whatever the app asks for.

    Args:
        parameters: "pool_size" and "max_overflow".

    Returns:
        What takes it back.
    """
    from sqlalchemy.pool import QueuePool

    original = QueuePool.__init__
    size, overflow = int(parameters["pool_size"]), int(parameters["max_overflow"])

    def resized(self: Any, *arguments: Any, **named: Any) -> None:
        named |= {"pool_size": size, "max_overflow": overflow}
        original(self, *arguments[:1], **named)

    def restore() -> None:
        QueuePool.__init__ = original  # type: ignore[method-assign]

    QueuePool.__init__ = resized  # type: ignore[method-assign]
    return restore
