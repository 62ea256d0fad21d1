"""Give every connection pool of the app another size."""

from collections.abc import Mapping
from typing import Any

__all__ = ["before_import"]


def before_import(parameters: Mapping[str, Any]) -> None:
    """Override the sizes that pools are made with, whatever the app asks for.

    Args:
        parameters: "pool_size" and "max_overflow".
    """
    from sqlalchemy.pool import QueuePool

    original = QueuePool.__init__
    size, overflow = int(parameters["pool_size"]), int(parameters["max_overflow"])

    def resized(self: Any, *arguments: Any, **named: Any) -> None:
        named |= {"pool_size": size, "max_overflow": overflow}
        original(self, *arguments[:1], **named)

    QueuePool.__init__ = resized  # type: ignore[method-assign]
