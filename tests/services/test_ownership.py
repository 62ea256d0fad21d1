"""Only what this run made may be harmed; the proof is taken on the live connection."""

import os
import subprocess
from pathlib import Path

import psycopg2
import pytest

from flask_assay.errors import NotOursError, ServiceError, UsageError
from flask_assay.services.external import (
    ADOPTED,
    MARKER_KEY,
    adoption_sql,
    provision_external_postgres,
    provision_external_valkey,
)
from flask_assay.services.postgres import provision_postgres
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import provision_valkey


class Connection:
    """A live psycopg2 connection, as the app's engine would hold one."""

    def __init__(self, dsn):
        self.raw = psycopg2.connect(dsn)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    @property
    def host(self):
        return self.raw.info.host

    def query(self, statement):
        with self.raw.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()


@pytest.fixture(scope="module")
def stranger(base):
    """A PostgreSQL of another run: to this one it is somebody else's server."""
    with RunDirectory.create(base) as run, Supervisor(run) as supervisor:
        yield provision_postgres(supervisor, purpose="tests", listen_tcp=True)


def test_a_database_of_this_run_is_ours(shared):
    db = shared.create_database("own")
    with Connection(shared.dsn(db)) as connection:
        assert shared.prove(connection.query, host=connection.host) == db


def test_a_clone_is_recognised_as_ours(shared):
    clone = shared.create_database("own_clone", template=shared.create_database("own_source"))
    with Connection(shared.dsn(clone)) as connection:
        assert shared.prove(connection.query, host=connection.host).name == "own_clone"


def test_a_database_that_we_did_not_make_is_refused(shared):
    shared.sql(None, "CREATE DATABASE theirs OWNER assay_app")
    dsn = f"host={shared.socket_dir} port={shared.port} dbname=theirs user=assay_app"
    with Connection(dsn) as connection, pytest.raises(NotOursError, match="no marker"):
        shared.prove(connection.query, host=connection.host)


def test_a_dump_of_ours_restored_elsewhere_is_refused(shared, stranger):
    db, target = shared.create_database("dumped"), stranger.create_database("restored")
    stranger.sql(target, "DROP SCHEMA flask_assay CASCADE")
    program = Path(shared.where.psql).with_name("pg_dump")
    dump = subprocess.run(
        [program, shared.dsn(db, user="assay")], capture_output=True, text=True, check=True
    ).stdout
    restore = [stranger.where.psql, "-q", "-X", stranger.dsn(target, user="assay")]
    subprocess.run(restore, input=dump, text=True, check=True, capture_output=True)
    with (
        Connection(stranger.dsn(target)) as connection,
        pytest.raises(NotOursError, match="another run's marker"),
    ):
        stranger.prove(connection.query, host=connection.host)


def test_a_tunnel_is_refused(shared):
    db = shared.create_database("tunnelled")
    url = shared.tcp_url(db, driver="")
    with Connection(url) as connection, pytest.raises(NotOursError) as caught:
        shared.prove(connection.query, host=connection.host)
    message = str(caught.value)
    assert "over the network" in message
    assert '"tunnelled" at 127.0.0.1' in message
    assert shared.where.password not in message


def test_a_socket_outside_the_run_is_refused(shared, tmp_path):
    db = shared.create_database("linked")
    name = f".s.PGSQL.{shared.port}"
    os.link(shared.socket_dir / name, tmp_path / name)
    dsn = f"host={tmp_path} port={shared.port} dbname=linked user=assay_app"
    with (
        Connection(dsn) as connection,
        pytest.raises(NotOursError, match="not in this run's directory"),
    ):
        shared.prove(connection.query, host=connection.host)
    assert shared.drop_database(db) is None


def test_a_search_path_cannot_answer_in_the_servers_place(shared):
    db = shared.create_database("shadowed")
    forged = (
        "CREATE SCHEMA forged;"
        "CREATE FUNCTION forged.current_database() RETURNS name LANGUAGE sql AS $$SELECT 'x'::name$$;"
        "ALTER ROLE assay_app IN DATABASE shadowed SET search_path = forged, pg_catalog"
    )
    shared.sql(db, forged)
    shared.sql(db, "GRANT USAGE ON SCHEMA forged TO assay_app")
    with Connection(shared.dsn(db)) as connection:
        assert connection.query("SELECT current_database()") == [("x",)]
        assert shared.prove(connection.query, host=connection.host).name == "shadowed"


def test_another_servers_database_is_neither_dropped_nor_cloned_nor_read(shared, stranger):
    db = stranger.create_database("foreign")
    for call in (
        lambda: shared.drop_database(db),
        lambda: shared.create_database("copy_of_foreign", template=db),
        lambda: shared.sql(db, "SELECT 1"),
        lambda: shared.disconnect(db),
        lambda: shared.url(db),
    ):
        with pytest.raises(NotOursError, match=r'"foreign" at .* another server'):
            call()


@pytest.fixture
def external(stranger):
    """A server of the user's: URL, and how to run SQL there."""
    stranger.sql(
        None,
        "DROP ROLE IF EXISTS shopkeeper; CREATE ROLE shopkeeper LOGIN CREATEDB PASSWORD 'secret'",
    )
    yield lambda name: f"postgresql://shopkeeper:secret@127.0.0.1:{stranger.port}/{name}"
    for (name,) in stranger.sql(
        None,
        "SELECT datname FROM pg_database d JOIN pg_roles r ON r.oid = datdba "
        "WHERE rolname = 'shopkeeper'",
    ):
        stranger.sql(None, f'DROP DATABASE "{name}" WITH (FORCE)')


def adopted(stranger, name):
    stranger.sql(None, f"CREATE DATABASE {name} OWNER shopkeeper")
    dsn = f"host={stranger.socket_dir} port={stranger.port} dbname={name} user=shopkeeper"
    subprocess.run(
        [stranger.where.psql, "-q", "-X", dsn], input=adoption_sql(), text=True, check=True
    )


def test_an_external_server_is_refused_unless_all_three_rules_hold(run, stranger, external):
    stranger.sql(None, "CREATE DATABASE shop OWNER shopkeeper")
    with pytest.raises(NotOursError) as caught:
        provision_external_postgres(run, external("shop"), listed=())
    message = str(caught.value)
    for reason in ("neither in _assay nor in _test", "not hold our marker", "not listed"):
        assert reason in message
    assert "127.0.0.1" in message
    assert "secret" not in message
    adopted(stranger, "shop_test")
    with pytest.raises(NotOursError, match="not ours: it is not listed"):
        provision_external_postgres(run, external("shop_test"), listed=("shop",))


def test_an_external_server_serves_databases_of_this_run(run, stranger, external):
    adopted(stranger, "shop_test")
    server = provision_external_postgres(run, external("shop_test"), listed=("shop_test",))
    db = server.create_database("orders")
    assert db.name == f"orders_{run.run_id}_assay"
    server.sql(db, "CREATE TABLE t AS SELECT 7 AS i")
    clone = server.create_database("copy", template=db)
    with Connection(server.url(clone, driver="")) as connection:
        assert connection.query("SELECT i FROM t") == [(7,)]
        assert server.prove(connection.query, host=connection.host) == clone
    with (
        Connection(external("shop_test")) as connection,
        pytest.raises(NotOursError, match="not one that this run gives"),
    ):
        server.prove(connection.query, host=connection.host)
    server.drop_database(clone)
    assert server.drop_leftovers(is_live=lambda _: True, older_than_s=0) == 0
    assert server.drop_leftovers(is_live=lambda _: False, older_than_s=3600) == 0
    assert server.drop_leftovers(is_live=lambda _: False, older_than_s=-1) == 1


def test_an_unmarked_database_with_a_name_like_ours_is_not_dropped(run, stranger, external):
    adopted(stranger, "shop_test")
    server = provision_external_postgres(run, external("shop_test"), listed=("shop_test",))
    server.sql(None, "CREATE DATABASE mine_0123abcd_assay")
    assert server.drop_leftovers(is_live=lambda _: False, older_than_s=-1) == 0


def test_an_external_server_that_does_not_answer_is_named_without_its_password(run):
    with pytest.raises(ServiceError, match="does not answer") as caught:
        provision_external_postgres(
            run, "postgresql://u:hush@127.0.0.1:1/a_test", listed=("a_test",)
        )
    assert "hush" not in str(caught.value)


def test_an_external_redis_needs_our_marker_and_a_listing(supervisor):
    theirs = provision_valkey(supervisor)
    url, name = theirs.url(), f"{theirs.socket_path}/0"
    with pytest.raises(NotOursError, match=r"not hold our marker.*not listed"):
        provision_external_valkey(url, listed=())
    theirs.ask("SET", MARKER_KEY, ADOPTED)
    with pytest.raises(NotOursError, match="not listed"):
        provision_external_valkey(url, listed=("6379/0",))
    server = provision_external_valkey(url, listed=(name,))
    assert server.ask("PING") == "PONG"
    assert server.url() == url


def test_a_redis_that_does_not_answer_is_named_without_its_password():
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:1 does not answer") as caught:
        provision_external_valkey("redis://:hush@127.0.0.1:1/0", listed=())
    assert "hush" not in str(caught.value)
    with pytest.raises(UsageError, match="ASSAY_REDIS_URL"):
        provision_external_valkey("http://:hush@127.0.0.1/0", listed=())
