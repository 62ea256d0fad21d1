"""Stand-ins for other projects' test helpers: only where ``assay_compat`` names them.

A project that is installed as well is left alone and wins.
"""

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import partial

import pytest

__all__ = ["STAND_INS", "StandIn", "install"]

_HERE = "flask_assay.pytest_plugin.compat"


@dataclass(frozen=True)
class StandIn:
    """Ours in place of another project.

    Attributes:
        module: Ours.
        imports: Names by which the other project's modules are imported, the package first.
        plugin: Its name among pytest's plugins; "" if it is none.
    """

    module: str
    imports: tuple[str, ...]
    plugin: str = ""


STAND_INS = {
    "pytest-flask": StandIn(
        f"{_HERE}.pytest_flask",
        ("pytest_flask", "pytest_flask.fixtures", "pytest_flask.live_server"),
        "flask",
    ),
    "pytest-flask-sqlalchemy": StandIn(
        f"{_HERE}.pytest_flask_sqlalchemy",
        ("pytest_flask_sqlalchemy", "pytest_flask_sqlalchemy.fixtures"),
        "pytest-flask-sqlalchemy",
    ),
    "flask-testing": StandIn(
        "flask_assay.unittest.flask_testing",
        ("flask_testing", "flask_testing.utils"),
    ),
}


def install(config: pytest.Config) -> str:
    """Put what ``assay_compat`` names in place, and return a line for the header.

    Raises:
        pytest.UsageError: It names something that we do not stand in for.
    """
    ours: list[str] = []
    theirs: list[str] = []
    for name in config.getini("assay_compat"):
        if name not in STAND_INS:
            raise pytest.UsageError(f"assay_compat: {name!r} is none of {', '.join(STAND_INS)}")
        (ours if _install(config, STAND_INS[name]) else theirs).append(name)
    lines = [f"in place of {', '.join(ours)}"] if ours else []
    if theirs:
        many = ", ".join(theirs)
        lines.append(f"{many}: installed, so not replaced (pip uninstall {' '.join(theirs)})")
    return "; ".join(lines)


def _install(config: pytest.Config, stand_in: StandIn) -> bool:
    """Put one in place, unless the project itself is there."""
    module = importlib.import_module(stand_in.module)
    package = stand_in.imports[0]
    if sys.modules.get(package) is not module and importlib.util.find_spec(package) is not None:
        return False
    for name in stand_in.imports:
        if name not in sys.modules:
            sys.modules[name] = module
            config.add_cleanup(partial(_forget, name))
    if stand_in.plugin:
        config.pluginmanager.register(module, stand_in.plugin)
    return True


def _forget(name: str) -> None:
    sys.modules.pop(name, None)
