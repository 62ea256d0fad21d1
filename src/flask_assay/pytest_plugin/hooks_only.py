"""A plugin object of which pytest sees hooks only."""

__all__ = ["HooksOnly"]


class HooksOnly:
    """Base of plugin objects whose properties start servers.

    pytest before 8.3.3 reads every attribute of a plugin, in search of fixtures.
    """

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name.startswith("pytest_")]
