"""In place of pytest-flask: one test per row of the table in the how-to page."""

import socket

import pytest
from tests.plugin.compat.projects import failures, names, passed, run_suite, write_suite
from tests.plugin.sandbox.project import run_pytest

INI = "assay_compat = pytest-flask\n"
WRONG = "test_a_wrong_status_is_explained"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return run_suite(tmp_path_factory.mktemp("flask"), "flask_names", ini=INI)


@pytest.mark.parametrize("name", [name for name in names("flask_names") if name != WRONG])
def test_a_suite_finds(outcome, name):
    assert name in passed(outcome), outcome.text


def test_a_wrong_status_is_explained(outcome):
    assert failures(outcome) == {WRONG}
    assert "Mismatch in status code for response: 404 != 200" in outcome.text
    assert "Response status: 404 NOT FOUND" in outcome.text


def test_the_header_says_whose_place_is_taken(outcome):
    assert "assay: in place of pytest-flask" in outcome.text


def test_help_shows_the_options(tmp_path):
    text = run_pytest(write_suite(tmp_path, ini=INI), "--help").text
    for option in (
        "--start-live-server", "--no-start-live-server", "--live-server-wait=",
        "--live-server-clean-stop", "--no-live-server-clean-stop", "--live-server-host=",
        "--live-server-port=", "live_server_scope",
    ):  # fmt: skip
        assert option in text


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


EACH = f"{INI}live_server_scope = function\n"
LEFT = "test_the_server_is_left_to_the_test"


def test_host_port_wait_and_scope_are_kept(tmp_path):
    options = ["--live-server-host=127.0.0.1", f"--live-server-port={free_port()}"]
    options += ["--live-server-wait=30", "--start-live-server", f"-k=not {LEFT}"]
    found = run_suite(tmp_path, "live_server_options", *options, ini=EACH)
    assert passed(found) == set(names("live_server_options")) - {LEFT}, found.text


def test_the_start_may_be_left_to_the_test(tmp_path):
    options = ["--no-start-live-server", "--no-live-server-clean-stop", f"-k={LEFT}"]
    found = run_suite(tmp_path, "live_server_options", *options, ini=EACH)
    assert passed(found) == {LEFT}, found.text


def test_a_server_that_is_late_fails_the_test(tmp_path):
    options = ["--live-server-wait=0.0000001", "-k=test_the_server_starts"]
    found = run_suite(tmp_path, "live_server_options", *options, ini=EACH)
    assert failures(found) == {"test_the_server_starts"}
    assert "Failed to start the server after 1e-07 seconds" in found.text


def test_the_import_name_leads_to_ours(tmp_path):
    write_suite(tmp_path, ini=INI)
    (tmp_path / "test_imports.py").write_text(
        "from pytest_flask.fixtures import mimetype\n"
        "from pytest_flask.live_server import LiveServer\n"
        "def test_it_is_ours(mimetype):\n"
        "    assert LiveServer.__module__ == 'flask_assay.pytest_plugin.compat.pytest_flask'\n"
    )
    assert passed(run_pytest(tmp_path)) == {"test_it_is_ours"}


def test_their_package_wins_where_it_is_installed(tmp_path):
    write_suite(tmp_path, ini=INI + "pythonpath = .\n")
    (tmp_path / "test_one.py").write_text("def test_json(accept_json): pass")
    (tmp_path / "pytest_flask").mkdir()
    (tmp_path / "pytest_flask" / "__init__.py").touch()
    found = run_pytest(tmp_path)
    assert "assay: pytest-flask: installed, so not replaced" in found.text
    assert "fixture 'accept_json' not found" in found.text


def test_what_switches_theirs_off_switches_ours_off(tmp_path):
    write_suite(tmp_path, ini=INI)
    (tmp_path / "test_one.py").write_text("def test_json(accept_json): pass")
    assert "fixture 'accept_json' not found" in run_pytest(tmp_path, "-p", "no:flask").text


def test_nothing_is_taken_without_being_named(tmp_path):
    found = run_suite(tmp_path, "flask_names", "--markers", ini="")
    assert "@pytest.mark.options" not in found.text


def test_an_unknown_name_is_refused(tmp_path):
    found = run_suite(tmp_path, "flask_names", ini="assay_compat = pytest-flsk\n")
    assert found.code == 4
    assert "assay_compat: 'pytest-flsk' is none of pytest-flask, " in found.text
