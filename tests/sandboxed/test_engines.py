"""Engines that a suite makes lead to the test's database, whatever they say."""

from sqlalchemy import create_engine, text


def test_an_engine_on_sqlite_is_on_postgresql_and_leaves_no_file(db, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/notes.db")
    with engine.connect() as connection:
        version = connection.execute(text("SELECT version()")).scalar_one()
    assert version.startswith("PostgreSQL")
    assert list(tmp_path.iterdir()) == []
