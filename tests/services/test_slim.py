"""A cluster that is kept for later has as few files as its databases need."""

from flask_assay.services.layout import copy_tree
from flask_assay.services.postgres import begin_postgres, provision_postgres


def files(directory):
    return sum(1 for path in directory.rglob("*") if path.is_file())


def test_a_slim_cluster_has_its_databases_and_starts_elsewhere(supervisor, tmp_path):
    postgres = provision_postgres(supervisor, purpose="tests")
    shop = postgres.create_database("shop")
    postgres.sql(shop, "CREATE TABLE product AS SELECT 1 AS id")
    postgres.sql(shop, "CREATE TABLE many AS SELECT n FROM generate_series(1, 20000) n")
    postgres.sql(shop, "CREATE INDEX ON many (n)")
    postgres.sql(shop, "DELETE FROM many WHERE n % 3 = 0")
    postgres.sql(shop, "VACUUM FREEZE")
    assert list(postgres.data.glob("base/*/*_fsm"))
    before = files(postgres.data)
    postgres.slim()
    assert not postgres.is_running
    assert files(postgres.data) < before - 500
    assert not list(postgres.data.glob("base/*/*_[fv]*m"))
    log = [path for path in (postgres.data / "pg_wal").iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in log) == 1 << 20

    kept = tmp_path / "kept"
    copy_tree(postgres.data, kept)
    other = begin_postgres(supervisor, purpose="tests", cluster=kept)
    assert other.data != postgres.data
    other.wait_ready()
    names = other.sql(None, "SELECT datname FROM pg_database ORDER BY 1")
    assert names == [("postgres",), ("shop",)]
    (row,) = other.sql(
        other.create_database("copy", template=other._owned("shop")), "TABLE product"
    )
    assert row == ("1",)
    copy = other._owned("copy")
    other.sql(copy, "INSERT INTO many SELECT n FROM generate_series(1, 20000) n WHERE n % 3 = 0")
    counted = "SELECT count(*), sum(n) FROM many WHERE n > 0"
    assert other.sql(copy, f"SET enable_seqscan = off; {counted}")[-1] == ("20000", "200010000")
    other.sql(copy, "VACUUM")
    assert other.sql(copy, counted) == [("20000", "200010000")]
    postgres.start()
    assert postgres.sql(shop, "TABLE product") == [("1",)]
