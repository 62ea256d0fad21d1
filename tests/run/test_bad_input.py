"""Bad input: each is a clear message and an exit code, and costs the user nothing.

The messages are part of the product: tests assert on their first line.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from tests.run.command_rig import (
    APP,
    NO_TRIALS,
    NOTHING_AGAIN,
    SHORT,
    Command,
    assay,
    manifest,
    recordings,
    runs,
    until_answered,
    write_project,
)

from flask_assay.services.external import ADOPTED, MARKER_KEY, adoption_sql
from flask_assay.services.postgres import provision_postgres
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import provision_valkey

pytestmark = [pytest.mark.services, pytest.mark.load]

LOCUST = "from locust import HttpUser, task\nclass Visitor(HttpUser):\n    @task\n    def look(self):\n        self.client.get('/items')\n"
RAW_TOO = LOCUST + "        self.client.get('/raw')\n"
LAST = "    return app"
slow = pytest.mark.slow


@pytest.fixture(scope="session")
def base():
    """Short, and passable for the user that root's servers run as."""
    path = Path(tempfile.mkdtemp(prefix="assay-i-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def with_view(view):
    """The healthy app and one more view."""
    return APP.replace(LAST, "\n".join("    " + line for line in view.splitlines()) + "\n\n" + LAST)


def assert_refused(project, base, outcome, code, first_line):
    outcome.assert_clear()
    assert outcome.first_line.startswith("Error: " + first_line), outcome
    assert outcome.code == code, outcome
    assert "Traceback" not in outcome.err, outcome
    assert outcome.out == ""
    assert recordings(project) == []
    assert runs(base) == []


# name: (files, arguments, options, exit code, first line)
AT_ONCE = {
    "no app at all": ({}, (), {"app": None}, 2, "no app was named"),
    "a seed of another form": ({}, ("--seed", "seeds.fill"), {}, 2, "seed = 'seeds.fill' is not of the form module:function"),
    "a schema of another form": ({}, ("--schema", "magic"), {}, 2, "schema = 'magic' is not one of auto, alembic"),
    "a locustfile with a syntax error": ({"locustfile.py": "class A(:\n"}, (), {}, 2, "locustfile.py:1: syntax error"),
    "a locustfile without users": ({"locustfile.py": "x = 1\n"}, (), {}, 2, "locustfile.py:1: no user class"),
    "a locustfile for Locust 0.x": (
        {"locustfile.py": LOCUST + "    wait_time = wait_time(1, 5)\n"},
        (), {}, 2, "locustfile.py:6: wait_time(1, 5) is not a function of Locust",
    ),
    "a locustfile that does not exist": ({}, ("--locustfile", "nope.py"), {}, 2, "locustfile = 'nope.py': no such file"),
    "a Gunicorn file that does not exist": ({}, ("--gunicorn-config", "nope.py"), {}, 2, "gunicorn_config = 'nope.py': no such file"),
    "a Gunicorn file that is no Python": ({"gunicorn.conf.py": "workers = = 3\n"}, (), {}, 2, "gunicorn.conf.py:1: invalid syntax"),
    "no users": ({}, ("--users", "0"), {}, 2, "--users: users = 0 must be at least 1"),
    "a negative rate": ({}, ("--rate", "-1"), {}, 2, "--rate: rate = -1.0 must be at least 0"),
    "a duration that is no number": ({}, ("--duration-s", "nan"), {}, 2, "--duration-s: duration_s = nan is not a number"),
    "an unknown option": ({}, ("--user", "3"), {}, 2, "No such option '--user'. (Did you mean"),
    "an unknown setting": ({"pyproject.toml": "[tool.assay]\nuser = 3\n"}, (), {}, 2, "unknown setting user in [tool.assay]"),
    "an unknown variable": ({}, (), {"env": {"ASSAY_USER": "3"}}, 2, "unknown setting ASSAY_USER in the environment"),
    "settings that are no table": ({"pyproject.toml": "[tool]\nassay = 3\n"}, (), {}, 2, "tool.assay = 3 in"),
    "an output that is a file": ({"out": ""}, ("--output", "out"), {}, 2, "output = 'out': File exists"),
    "an output that can not be made": ({}, ("--output", "/proc/out"), {}, 2, "output = '/proc/out': No such file"),
    "an output on a full disk": ({}, ("--output", "FULL"), {}, 3, "0.01 GB free at"),
    "servers' files on a full disk": ({}, (), {"env": {"XDG_CACHE_HOME": "FULL"}}, 3, "0.0"),
}  # fmt: skip


@pytest.fixture(scope="session")
def small_disk():
    """A file system of 8 MB."""
    path = Path(tempfile.mkdtemp(prefix="assay-d-"))
    path.chmod(0o755)
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small file system can not be mounted here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)
    path.rmdir()


@pytest.mark.parametrize("name", AT_ONCE)
def test_what_can_be_seen_is_refused_before_a_server_starts(name, tmp_path, base, request):
    files, arguments, options, code, first_line = AT_ONCE[name]
    if "full disk" in name:
        disk = str(request.getfixturevalue("small_disk"))
        arguments = [disk if each == "FULL" else each for each in arguments]
        options = {key: {"XDG_CACHE_HOME": disk} for key in options}
    project = write_project(tmp_path, files)
    outcome = assay(project, base, "run", *SHORT, NO_TRIALS, *arguments, **options)
    assert_refused(project, base, outcome, code, first_line)
    assert "start PostgreSQL" not in outcome.err


def seed(body):
    return {"hooks.py": f"def hook(**_):\n    {body}\n"}


# name: (files, arguments, options, exit code, first line, a line that must be there)
LATER = {
    "a missing module": ({}, (), {"app": "nosuch"}, 3, "could not load the app: Could not import 'nosuch'", "routes"),
    "a module with a syntax error": ({"bad.py": "def f(:\n"}, (), {"app": "bad"}, 3, "could not load the app: SyntaxError: invalid syntax (bad.py, line 1)", "  bad.py:1"),
    "a module that misses a module": ({"bad.py": "import nosuch\n"}, (), {"app": "bad"}, 3, "could not load the app: While importing 'bad', an ImportError was raised: ModuleNotFoundError: No module named 'nosuch'", "  bad.py:1 in <module>"),
    "a module without an app": ({"bad.py": "x = 1\n"}, (), {"app": "bad"}, 3, "could not load the app: Failed to find Flask application or factory in module 'bad'", "routes"),
    "a wrong attribute": ({}, (), {"app": "tiny:nosuch"}, 3, "could not load the app: Failed to find attribute 'nosuch' in 'tiny'", "routes"),
    "a factory that raises": ({"bad.py": "def create_app():\n    raise RuntimeError('no licence')\n"}, (), {"app": "bad"}, 3, "could not load the app: RuntimeError: no licence", "  bad.py:2 in create_app"),
    "a factory with other arguments": ({"bad.py": "def create_app(a, b):\n    pass\n"}, (), {"app": "bad:create_app(1)"}, 3, "could not load the app: The factory 'create_app(1)'", "TypeError: create_app() missing 1 required"),
    "sys.exit at import": ({"bad.py": "import sys\nsys.exit('SECRET is not set')\n"}, (), {"app": "bad"}, 3, "could not load the app: it called sys.exit('SECRET is not set')", "[tool.assay] env"),
    "os._exit at import": ({"bad.py": "import os\nos._exit(5)\n"}, (), {"app": "bad"}, 3, "the app's process ended with code 5 while it was prepared", "os._exit"),
    "sys.exit under Gunicorn only": ({"bad.py": "import sys\nif 'gunicorn' in sys.modules:\n    sys.exit(7)\nfrom tiny import create_app\n"}, (), {"app": "bad"}, 3, "the app did not boot under Gunicorn: 3 workers ended before one served a request", "exited with code 7"),
    "an error under Gunicorn only": ({"bad.py": "import sys\nif 'gunicorn' in sys.modules:\n    raise RuntimeError('not here')\nfrom tiny import create_app\n"}, (), {"app": "bad"}, 3, "the app did not boot under Gunicorn: Gunicorn ended while the app booted: RuntimeError: not here", "  bad.py:3 in <module>"),
    "an extension that is missing": (
        {"hooks.py": "import tiny\ndef hook(app):\n    tiny.db.session.execute(tiny.db.text('CREATE EXTENSION postgis'))\n"},
        ("--schema", "hooks:hook"), {}, 3, "could not make the schema: NotSupportedError", "ASSAY_POSTGRES_URL",
    ),
    "a named extension that is missing": ({}, ("--schema-extensions", "postgis"), {}, 2, "schema_extensions: 'postgis' can not be created", "postgis"),
    "a schema that fails": (seed("return 1 / 0"), ("--schema", "hooks:hook"), {}, 3, "could not make the schema: ZeroDivisionError", "  hooks.py:2 in hook"),
    "a seed that fails": (seed("raise KeyError('colour')"), ("--seed", "hooks:hook"), {}, 3, "could not fill the database: KeyError: 'colour'", "  hooks.py:2 in hook"),
    "a seed that does not exist": ({}, ("--seed", "nosuch:hook"), {}, 3, "could not fill the database: ModuleNotFoundError: No module named 'nosuch'", "Mend the seed hook"),
    "a seed that exits": (seed("raise SystemExit(4)"), ("--seed", "hooks:hook"), {}, 3, "could not fill the database: it called sys.exit('4')", "Mend the seed hook"),
    "a services hook that raises": (seed("raise KeyError('port')"), ("--services", "hooks:hook"), {}, 2, "services = 'hooks:hook': KeyError: 'port'", "  hooks.py:2 in hook"),
    "a services hook that returns junk": (seed("return 5"), ("--services", "hooks:hook"), {}, 2, "services = 'hooks:hook': TypeError: the hook returned int, no mapping", "mapping of environment"),
    "a login hook that raises": ({"hooks.py": "def hook(app, number):\n    raise KeyError('user')\n"}, ("--login", "hooks:hook"), {}, 3, "could not sign in: KeyError: 'user'", "  hooks.py:2 in hook"),
    "a login hook that returns junk": ({"hooks.py": "def hook(app, number):\n    return 5\n"}, ("--login", "hooks:hook"), {}, 3, "could not sign in: TypeError: login = 'hooks:hook' returned int", "headers"),
    "a Gunicorn file with an error": ({"gunicorn.conf.py": "workers = nosuch\n"}, (), {}, 3, "the app did not boot under Gunicorn: Gunicorn ended while the app booted: NameError: name 'nosuch'", "  gunicorn.conf.py:1 in <module>"),
    "a Gunicorn setting of the wrong kind": ({"gunicorn.conf.py": "workers = 'many'\n"}, (), {}, 3, "the app did not boot under Gunicorn", "Invalid value for workers: many"),
    "GUNICORN_CMD_ARGS with an unknown option": ({}, (), {"env": {"GUNICORN_CMD_ARGS": "--nosuch 2"}}, 3, "the app did not boot under Gunicorn", "unrecognized arguments: --nosuch"),
    "a server URL of another kind": ({}, (), {"env": {"ASSAY_POSTGRES_URL": "mysql://u:hush@h/d"}}, 2, 'ASSAY_POSTGRES_URL cannot be used: its scheme is "mysql"', "postgresql://"),
    "a server that does not answer": ({}, (), {"env": {"ASSAY_POSTGRES_URL": "postgresql://u:hush@127.0.0.1:1/shop_test"}}, 3, 'database "shop_test" at 127.0.0.1:1 does not answer', "Connection refused"),
    "a Redis that does not answer": ({}, (), {"env": {"ASSAY_REDIS_URL": "redis://:hush@127.0.0.1:1/3"}}, 3, "Redis at 127.0.0.1:1 does not answer", "ASSAY_REDIS_URL"),
}  # fmt: skip
IN_THE_FAST_SUITE = {
    "a module with a syntax error",
    "sys.exit under Gunicorn only",
    "an extension that is missing",
    "a seed that fails",
}


@pytest.mark.parametrize(
    "name",
    [each if each in IN_THE_FAST_SUITE else pytest.param(each, marks=slow) for each in LATER],
)
def test_what_fails_later_is_told_with_the_users_own_lines(name, tmp_path, base):
    files, arguments, options, code, first_line, line = LATER[name]
    project = write_project(tmp_path, files)
    outcome = assay(project, base, "run", *SHORT, NO_TRIALS, *arguments, **options)
    assert_refused(project, base, outcome, code, first_line)
    assert line in outcome.err, outcome
    assert "hush" not in outcome.err


def test_a_migration_that_fails_is_named_by_its_file_and_line(tmp_path, base):
    migration = (
        "from alembic import op\nrevision = '1'\ndown_revision = None\n"
        "def upgrade():\n    op.execute('CREATE TABLE nonsense (')\n"
    )
    env = (
        "import sqlalchemy as sa\nfrom alembic import context\n"
        "with sa.create_engine('postgresql:///x').begin() as connection:\n"
        "    context.configure(connection=connection)\n    context.run_migrations()\n"
    )
    files = {
        "alembic.ini": "[alembic]\nscript_location = moves\n",
        "moves/env.py": env,
        "moves/script.py.mako": "",
        "moves/versions/0001_bad.py": migration,
    }
    project = write_project(tmp_path, files)
    outcome = assay(project, base, "run", *SHORT, NO_TRIALS, "--schema", "alembic")
    assert_refused(project, base, outcome, 3, "could not make the schema: ProgrammingError")
    assert "moves/versions/0001_bad.py:5 in upgrade" in outcome.err


@slow
def test_a_services_hook_that_hangs_is_named(tmp_path, base):
    project = write_project(tmp_path, seed("__import__('time').sleep(600)"))
    outcome = assay(project, base, "run", *SHORT, NO_TRIALS, "--services", "hooks:hook")
    first_line = "services = 'hooks:hook': it did not return within 30 s"
    assert_refused(project, base, outcome, 2, first_line)


def test_a_load_of_failures_is_stopped_early_with_its_groups(tmp_path, base):
    files = {"locustfile.py": LOCUST.replace("/items", "/nosuch")}
    project = write_project(tmp_path, files)
    # ends by itself long before its ten minutes, which are more than the rig waits
    outcome = assay(project, base, "run", "--users", "2", "--duration-s", "600", NO_TRIALS)
    outcome.assert_clear()
    assert outcome.code == 3
    assert outcome.first_line.startswith("Error: every request failed: ")
    assert "× GET /nosuch: HTTP 404" in outcome.err
    (recording,) = recordings(project)
    assert manifest(recording)["status"] == "partial"
    assert manifest(recording)["status_reason"].startswith("every request failed")
    assert f"flask assay report .assay/{recording.name}" in outcome.err
    assert assay(project, base, "report", recording, app=None).code == 0


@slow
def test_an_app_that_answers_500_shows_its_own_error(tmp_path, base):
    view = "@app.get('/broken')\ndef broken():\n    return {}['colour']"
    locustfile = LOCUST.replace("/items", "/broken")
    project = write_project(tmp_path, {"tiny.py": with_view(view), "locustfile.py": locustfile})
    outcome = assay(project, base, "run", "--users", "2", "--duration-s", "600", NO_TRIALS)
    assert outcome.code == 3
    assert "× GET /broken: HTTP 500" in outcome.err
    assert "KeyError: 'colour'" in outcome.err
    outcome.assert_clear()


@slow
def test_a_worker_that_dies_in_the_load_is_in_the_report(tmp_path, base):
    view = "@app.get('/die')\ndef die():\n    import os\n    os._exit(9)"
    task = "    @task(30)\n    def die(self):\n        self.client.get('/die')\n"
    project = write_project(tmp_path, {"tiny.py": with_view(view), "locustfile.py": LOCUST + task})
    outcome = assay(project, base, "run", "--users", "2", "--duration-s", "8", NO_TRIALS)
    outcome.assert_clear()
    said = " ".join((outcome.out + outcome.err).split())
    assert "exited with code 9" in said, outcome


@slow
def test_a_target_that_answers_junk_counts_as_failing(tmp_path, base):
    view = (
        "@app.get('/junk')\ndef junk():\n    from flask import request\n"
        "    request.environ['gunicorn.socket'].sendall(b'no such protocol')\n"
        "    __import__('os').close(request.environ['gunicorn.socket'].fileno())\n    return ''"
    )
    locustfile = LOCUST.replace("/items", "/junk")
    project = write_project(tmp_path, {"tiny.py": with_view(view), "locustfile.py": locustfile})
    outcome = assay(project, base, "run", "--users", "2", "--duration-s", "3", NO_TRIALS)
    outcome.assert_clear()
    assert outcome.code == 3
    assert outcome.first_line.startswith("Error: every request failed: ")


@slow
def test_settings_that_gunicorn_ignores_and_its_variable_are_told(tmp_path, base):
    project = write_project(tmp_path, {"gunicorn.conf.py": "worker = 3\ncores = 4\n"})
    env = {"GUNICORN_CMD_ARGS": "--threads 2"}
    outcome = assay(project, base, "run", *SHORT, NO_TRIALS, env=env)
    assert outcome.code == 0
    assert "Gunicorn ignores the setting 'worker': did you mean 'workers'?" in outcome.err
    assert "cores" not in outcome.err
    assert "GUNICORN_CMD_ARGS is in force: --threads 2" in outcome.err


@contextlib.contextmanager
def decoy():
    """A listening socket where the real database would be; counts who comes."""
    came = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    came.append(1)
                    connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)
        thread.join(60)


def test_the_real_database_is_never_contacted_and_the_document_stands_alone(tmp_path, base):
    with decoy() as (port, came):
        real = f"postgresql://real:hush@127.0.0.1:{port}/production"
        top = f"import psycopg\nimport psycopg2\nREAL = {real!r}\npsycopg2.connect(REAL).close()\n"
        source = top + APP.replace("db.example.invalid", f"127.0.0.1:{port}")
        view = "    @app.get('/raw')\n    def raw():\n        with psycopg.connect(REAL) as c:\n            return str(c.execute('select 1').fetchone())\n\n"
        project = write_project(tmp_path, {"tiny.py": source.replace(LAST, view + LAST)})
        until, options = until_answered(6, users=2, warm_up_s=0)
        (project / "locustfile.py").write_text(RAW_TOO + until)
        outcome = assay(
            project, base, "run", *options, "--drain-s", 30, *NOTHING_AGAIN, NO_TRIALS, "--json"
        )
        assert outcome.code == 0, outcome
        assert came == []
    document = json.loads(outcome.out)
    assert {each["route"] for each in document["routes"]} >= {"GET /raw", "GET /items"}
    assert "hush" not in outcome.out + outcome.err
    (recording,) = recordings(project)
    assert all(b"hush" not in path.read_bytes() for path in recording.rglob("*") if path.is_file())


@pytest.fixture
def given(base):
    """Servers of the user's own: PostgreSQL with a real and a test database, and Redis."""
    with RunDirectory.create(base / "given") as run, Supervisor(run) as supervisor:
        postgres = provision_postgres(supervisor, purpose="tests", listen_tcp=True)
        postgres.sql(None, "ALTER ROLE assay_app SUPERUSER")
        yield postgres, provision_valkey(supervisor)


@slow
def test_given_servers_are_used_under_the_rules_and_left_as_they_were(given, tmp_path, base):
    postgres, valkey = given
    real, test = postgres.create_database("shop"), postgres.create_database("shop_test")
    place = f"{valkey.socket_path}/3"
    env = {
        "ASSAY_POSTGRES_URL": postgres.tcp_url(test),
        "ASSAY_REDIS_URL": valkey.url(3),
    }
    source = APP.replace(
        "postgresql://real:secret@db.example.invalid/production", postgres.tcp_url(real)
    )
    view = "@app.get('/cached')\ndef cached():\n    import redis\n    return str(redis.Redis(port=6399, db=1).incr('n'))"
    source = source.replace(LAST, "\n".join("    " + x for x in view.splitlines()) + "\n\n" + LAST)
    project = write_project(tmp_path, {"tiny.py": source})
    arguments = ("run", *SHORT, NO_TRIALS)

    outcome = assay(project, base, *arguments, env={"ASSAY_POSTGRES_URL": postgres.tcp_url(real)})
    assert_refused(project, base, outcome, 3, 'database "shop" at 127.0.0.1 is not ours')
    outcome = assay(project, base, *arguments, env=env)
    assert outcome.code == 3

    postgres.sql(test, adoption_sql())
    set_in(valkey, 3, MARKER_KEY, ADOPTED)
    listed = ("--external-databases", "shop_test", "--external-databases", place)
    outcome = assay(project, base, *arguments, *listed, env=env)
    assert outcome.code == 0, outcome
    assert "0 failed" not in outcome.first_line
    names = {row[0] for row in postgres.sql(None, "SELECT datname FROM pg_database")}
    assert names == {"postgres", "template0", "template1", "shop", "shop_test"}
    for each in (real, test):
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert postgres.sql(each, query) == [("0",)]
    assert valkey.ask("DBSIZE") == 0


def set_in(valkey, number, key, value):
    from flask_assay.services.resp import Address, ask

    ask(Address(path=str(valkey.socket_path), database=number), "SET", key, value)


def test_a_directory_that_vanished_is_named(tmp_path, base):
    gone = tmp_path / "gone"
    gone.mkdir()
    # with python-dotenv installed, `flask` itself fails there before any command is looked up
    start = f"{sys.executable} -c 'from flask_assay.cli import main; main()' run"
    script = f"cd {gone} && rmdir {gone} && exec {start}"
    env = {**os.environ, "XDG_CACHE_HOME": str(base)}
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 2, done
    assert "Error: the current directory does not exist any more" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_costs_no_run_and_a_recording_cut_anywhere_is_read(tmp_path, base):
    project = write_project(tmp_path)
    reading, writing = os.pipe()
    with Command(
        project, base, ("run", *SHORT, NO_TRIALS), stdout=writing, stderr=writing
    ) as command:
        os.close(writing)
        os.read(reading, 10)
        os.close(reading)
        command.popen.wait(180)
    (recording,) = recordings(project)
    assert manifest(recording)["status"] == "complete"
    assert (recording / "report.html").exists()
    assert command.popen.returncode in {0, 141}
    script = [sys.executable, "-c", CUTS, str(recording)]
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


@slow
def test_a_disk_that_fills_up_stops_the_load_in_time(tmp_path, base):
    disk = Path(tempfile.mkdtemp(prefix="assay-f-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        disk.rmdir()
        pytest.skip("a small file system can not be mounted here")
    try:
        project = write_project(tmp_path)
        options = ("--users", "2", "--duration-s", "600", "--output", disk / "out")
        with Command(project, base, ("run", *options, NO_TRIALS)) as command:
            command.wait_for("load:")
            command.wait_for("steady")
            with (disk / "ballast").open("wb") as ballast:
                os.posix_fallocate(ballast.fileno(), 0, 230_000_000)
            outcome = command.finish()
        outcome.assert_clear()
        assert outcome.code == 3
        assert outcome.first_line.startswith("Error: the disk is nearly full: "), outcome
        (recording,) = [path for path in (disk / "out").glob("2*") if path.is_dir()]
        assert manifest(recording)["status_reason"].startswith("the disk is nearly full")
        assert assay(project, base, "report", recording, app=None).code == 0
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
        disk.rmdir()


REPORTS = {
    "nothing": (None, 3, "there is no recording .assay/latest"),
    "another version's": (
        '{"schema_version": 99}',
        3,
        "recording has schema version 99, this is for 1",
    ),
    "a torn manifest": ('{"schema_ver', 3, "recording/recording.json is not JSON"),
    "a manifest of another kind": ("[]", 3, "recording is not a recording"),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_recording_that_can_not_be_read_is_named(name, tmp_path, base):
    text, code, first_line = REPORTS[name]
    project = write_project(tmp_path, {} if text is None else {"recording/recording.json": text})
    outcome = assay(project, base, "report", *([] if text is None else ["recording"]), app=None)
    assert_refused(project, base, outcome, code, first_line)


def test_an_unknown_verb_is_met_with_the_nearest(tmp_path, base):
    outcome = assay(write_project(tmp_path), base, "rnu")
    assert outcome.code == 2
    assert outcome.first_line == "Error: No such command 'rnu'. Did you mean 'run'?"


# In one process, as a command for each cut would take minutes.
CUTS = """
import pathlib, shutil, sys, tempfile
from flask_assay.diagnosis import diagnose
from flask_assay.errors import RecordingError
from flask_assay.recording.reader import open_recording
from flask_assay.report import document, html, markdown, terminal
tried = 0
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    if path.suffix not in {".rows", ".json", ".jsonl"} or path.name == "diagnosis.json":
        continue
    for share in (0.0, 0.4, 0.999):
        with tempfile.TemporaryDirectory() as copy:
            here = pathlib.Path(copy) / "r"
            shutil.copytree(sys.argv[1], here)
            data = path.read_bytes()
            (here / path.name).write_bytes(data[: int(len(data) * share)])
            try:
                found = diagnose(open_recording(here))
                html.render(found), markdown.render(found), document.to_json(found), terminal.render(found)
            except RecordingError:
                pass
            tried += 1
print(tried)
"""
