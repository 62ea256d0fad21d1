"""Drivers used directly: whatever they are told, the sandboxed database is what they ask for."""

import socket
import threading
from contextlib import contextmanager

import psycopg
import psycopg2
import psycopg2.pool
import pytest

from flask_assay.routing.drivers import DriverRouter
from flask_assay.routing.plan import RoutePlan

PLAN = RoutePlan(host="/sockets/of/no/server", port=5433, user="assay_app", database="app")


@contextmanager
def decoy():
    """A listening socket in the place of the real database; counts who comes."""
    came = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                came.append(1)
                connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)
        thread.join(60)


@pytest.fixture
def attached():
    before = psycopg2._connect, vars(psycopg.Connection)["connect"], psycopg.connect
    early = psycopg2.connect
    router = DriverRouter(PLAN)
    router.attach()
    router.attach()
    yield early
    router.detach()
    router.detach()
    assert (psycopg2._connect, vars(psycopg.Connection)["connect"], psycopg.connect) == before


WAYS = {
    "psycopg2, dsn": lambda port, early: psycopg2.connect(
        f"host=127.0.0.1 port={port} dbname=prod"
    ),
    "psycopg2, url": lambda port, early: psycopg2.connect(
        f"postgresql://u:p@127.0.0.1:{port}/prod"
    ),
    "psycopg2, bound early": lambda port, early: early(
        host="127.0.0.1", port=port, database="prod"
    ),
    "psycopg2, pool": lambda port, early: psycopg2.pool.SimpleConnectionPool(
        1, 1, host="127.0.0.1", port=port, dbname="app"
    ),
    "psycopg 3": lambda port, early: psycopg.connect(f"postgresql://u:p@127.0.0.1:{port}/prod"),
    "psycopg 3, class": lambda port, early: psycopg.Connection.connect(
        host="127.0.0.1", port=port, dbname="prod", autocommit=True
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_real_database_is_never_contacted(attached, way):
    with decoy() as (port, came):
        with pytest.raises(
            (psycopg2.OperationalError, psycopg.OperationalError), match="no/server"
        ):
            WAYS[way](port, attached)
        assert came == []


def test_parameters_about_the_real_server_are_dropped_and_others_kept():
    asked = {"host": "db.prod", "dbname": "shop", "sslmode": "require", "connect_timeout": "3"}
    assert DriverRouter(PLAN).routed(asked) == {
        "connect_timeout": "3",
        "host": PLAN.host,
        "port": 5433,
        "user": "assay_app",
        "dbname": "app",
    }


def test_a_connection_to_a_database_of_the_run_passes():
    asked = {"host": PLAN.host, "dbname": "app_audit", "user": "x"}
    assert DriverRouter(PLAN, lambda: ["app_audit"]).routed(asked) == asked


def test_the_real_database_on_the_very_server_that_the_user_gave_is_rerouted():
    plan = RoutePlan(host="127.0.0.1", port=5432, user="u", database="shop_1a_assay")
    asked = {"host": "127.0.0.1", "port": 5432, "dbname": "shop"}
    assert DriverRouter(plan).routed(asked)["dbname"] == "shop_1a_assay"
