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

    # create_engine() reads the names of the arguments off this signature
    def resized(
        self: Any,
        creator: Any,
        pool_size: int = 5,
        max_overflow: int = 10,
        timeout: float = 30.0,
        use_lifo: bool = False,  # noqa: FBT001, FBT002
        **further: Any,
    ) -> None:
        further |= {"timeout": timeout, "use_lifo": use_lifo}
        original(self, creator, pool_size=size, max_overflow=overflow, **further)

    def restore() -> None:
        QueuePool.__init__ = original  # type: ignore[method-assign]

    QueuePool.__init__ = resized  # type: ignore[method-assign]
    return restore
