"""Which runs only look, so that no server is launched for them."""

from types import SimpleNamespace

import pytest

from flask_assay.pytest_plugin import _runs_tests

LOOKS = (
    "--collect-only",
    "--help",
    "--version",
    "--fixtures",
    "--fixtures-per-test",
    "--markers",
    "--cache-show",
    "--setup-plan",
)


def chosen(request, *arguments):
    """What pytest makes of arguments before it reads any conftest."""
    return SimpleNamespace(
        known_args_namespace=request.config._parser.parse_known_args(list(arguments))
    )


@pytest.mark.parametrize("option", LOOKS)
def test_a_run_that_only_looks_is_known_as_one(request, option):
    assert not _runs_tests(chosen(request, option))


@pytest.mark.parametrize("arguments", [(), ("-k", "nothing"), ("--setup-show",), ("-x",)])
def test_any_other_run_may_come_to_a_test(request, arguments):
    assert _runs_tests(chosen(request, *arguments))
