"""The pytest plugin: options, ini keys, the marker; everything else is loaded when it is used.

Importing this module imports pytest and nothing of ours: it is loaded in every pytest run of
an environment that has flask-assay.
"""

from typing import Any

import pytest

__all__ = [
    "pytest_addoption",
    "pytest_configure",
    "pytest_load_initial_conftests",
    "pytest_report_header",
]

_INI = (
    ("assay_app", "the app, or a factory without arguments: module:name", ""),
    ("assay_sandbox", "auto, rollback, clone or off", "auto"),
    ("assay_schema", "auto, none (the suite makes its own), or module:callable", "auto"),
    ("assay_seed", "callable that adds the base data: module:callable", ""),
    ("assay_clean", "callable that removes what migrations leave: module:callable", ""),
    ("assay_lock_wait", "seconds that a statement may wait for a lock; 0 waits for ever", "20"),
    ("assay_database_env", "variable that the app takes its database URL from", ""),
)
_PLUGIN = "flask-assay-isolation"
_LOOKS_ONLY = (
    "collectonly",
    "help",
    "version",
    "showfixtures",
    "show_fixtures_per_test",
    "markers",
    "cacheshow",
    "setupplan",
)
_compat = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini keys, all of them ``assay``."""
    group = parser.getgroup("assay", "flask-assay: isolated tests on a real PostgreSQL")
    group.addoption(
        "--assay-gear",
        choices=("auto", "rollback", "clone", "off"),
        default=None,
        help="gear for all tests; overrides assay_sandbox",
    )
    group.addoption(
        "--assay-confirm",
        choices=("now", "later", "never"),
        default="now",
        help="when a test that passed with a doubt is confirmed on a clone, once per content: "
        "at once, after all other tests, or not at all",
    )
    group.addoption(
        "--assay-ids",
        choices=("template", "random"),
        default="template",
        help="random: each table's ids begin elsewhere, to find tests that count on ids",
    )
    group.addoption(
        "--assay-keep-failed",
        action="store_true",
        help="leave the database of a failed test and print its address",
    )
    for name, text, default in _INI:
        parser.addini(name, text, default=default)
    parser.addini(
        "assay_redis",
        "reroute Redis from the start, for the app, its seeds and every test",
        type="bool",
        default=False,
    )
    parser.addini(
        "assay_strict",
        "refuse a test that uses the database without declaring it",
        type="bool",
        default=False,
    )
    parser.addini(
        "assay_compat",
        "whose fixtures to offer: pytest-flask, pytest-flask-sqlalchemy, flask-testing",
        type="args",
        default=[],
    )


def _is_wanted(config: pytest.Config) -> bool:
    mode = config.known_args_namespace.assay_gear or config.getini("assay_sandbox")
    if mode == "off":
        return False
    isolates = "pytest-flask-sqlalchemy" in config.getini("assay_compat")
    return bool(config.getini("assay_app")) or mode != "auto" or isolates


def _runs_tests(config: pytest.Config) -> bool:
    """Whether this run will come to a test, as far as its options tell."""
    chosen = vars(config.known_args_namespace)
    return not any(chosen.get(name) for name in _LOOKS_ONLY)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Catch connections before any conftest or app is imported."""
    if _is_wanted(early_config):
        from flask_assay.pytest_plugin.host import Host

        host = Host(early_config)
        early_config.pluginmanager.register(host, _PLUGIN)
        host.attach()
        early_config.add_cleanup(host.close)
        if _runs_tests(early_config):
            host.begin()
    if early_config.getini("assay_compat"):
        from flask_assay.pytest_plugin import compat

        early_config.stash[_compat] = compat.install(early_config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say whose place we take."""
    line = config.stash.get(_compat, "")
    return f"assay: {line}" if line else None


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, where wanted, what isolates."""
    config.addinivalue_line(
        "markers",
        "assay(gear=None, ids=None, keep=False): how a test is isolated; gear is 'rollback', "
        "'clone' or 'off', ids is 'random' or 'template'",
    )
    config.pluginmanager.import_plugin("flask_assay.pytest_plugin.fixtures")
    host: Any = config.pluginmanager.get_plugin(_PLUGIN)
    if host is not None:
        from flask_assay.pytest_plugin.isolation import Isolation

        config.pluginmanager.register(Isolation(config, host), "flask-assay-protocol")
