"""Filling real tables of awkward schemas."""

import random

import pytest
import sqlalchemy as sa

from flask_assay.gather import autoseed

AWKWARD = """
CREATE SCHEMA "odd schema";
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN stars AS int CHECK (value >= 1 AND value <= 5);
CREATE DOMAIN code3 AS varchar(3) CHECK (value ~ '^[a-z]{3}$');
CREATE TABLE users (
  id serial PRIMARY KEY, email varchar(40) NOT NULL UNIQUE, username varchar(12) UNIQUE,
  manager_id int REFERENCES users (id), mood mood NOT NULL DEFAULT 'ok', tags text[], moods mood[],
  meta jsonb NOT NULL, ip inet, born date, created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz, is_admin bool NOT NULL DEFAULT false, deleted_at timestamp);
CREATE TABLE addresses (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), owner_id int NOT NULL REFERENCES users (id),
  zip char(5) NOT NULL, lat numeric(9,6), primary_of int UNIQUE REFERENCES users (id));
ALTER TABLE users ADD COLUMN home uuid REFERENCES addresses (id);
CREATE TABLE tenants (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  slug text NOT NULL UNIQUE CHECK (length(slug) >= 5));
CREATE TABLE projects (
  tenant_id int NOT NULL REFERENCES tenants (id), number int NOT NULL, name text NOT NULL,
  PRIMARY KEY (tenant_id, number));
CREATE TABLE members (
  tenant_id int NOT NULL REFERENCES tenants (id), user_id int NOT NULL REFERENCES users (id),
  PRIMARY KEY (tenant_id, user_id));
CREATE TABLE tasks (
  id bigserial PRIMARY KEY, tenant_id int NOT NULL, project_number int NOT NULL, assignee_id int,
  state varchar(10) NOT NULL CHECK (state IN ('new', 'done', 'it''s')),
  priority int CHECK (priority BETWEEN 1 AND 3),
  starts timestamptz NOT NULL, ends timestamptz NOT NULL, CHECK (ends > starts),
  FOREIGN KEY (tenant_id, project_number) REFERENCES projects (tenant_id, number),
  FOREIGN KEY (tenant_id, assignee_id) REFERENCES members (tenant_id, user_id));
CREATE TABLE "Order" (
  "Id" serial PRIMARY KEY, "select" text NOT NULL, "user" int NOT NULL REFERENCES users (id),
  total numeric(6,2) NOT NULL CHECK (total > 0),
  doubled numeric GENERATED ALWAYS AS (total * 2) STORED, given stars NOT NULL);
CREATE TABLE "odd schema"."t:a%ble" (
  id int PRIMARY KEY, "co:l" text NOT NULL, "pct%" int CHECK ("pct%" <= 100));
CREATE TABLE profiles (user_id int PRIMARY KEY REFERENCES users (id), bio text NOT NULL);
CREATE TABLE nodes (
  id serial PRIMARY KEY, root_id int NOT NULL REFERENCES nodes (id), label text NOT NULL);
CREATE TABLE hens (id serial PRIMARY KEY, egg_id int NOT NULL);
CREATE TABLE eggs (id serial PRIMARY KEY, hen_id int NOT NULL REFERENCES hens (id));
ALTER TABLE hens ADD FOREIGN KEY (egg_id) REFERENCES eggs (id);
CREATE TABLE coops (id serial PRIMARY KEY, hen_id int NOT NULL REFERENCES hens (id));
CREATE TABLE either (
  id serial PRIMARY KEY, a_id int REFERENCES users (id), b_id int REFERENCES tenants (id),
  CHECK (num_nonnulls(a_id, b_id) = 1));
CREATE TABLE codes (c code3 PRIMARY KEY);
CREATE TABLE bookings (
  id serial PRIMARY KEY, room int NOT NULL, during tstzrange NOT NULL,
  EXCLUDE USING gist (during WITH &&));
CREATE TABLE keys_only (id serial PRIMARY KEY);
CREATE TABLE boxes (id serial PRIMARY KEY, b box NOT NULL);
CREATE TABLE spoiled (id serial PRIMARY KEY, c code3, name text NOT NULL);
CREATE TABLE kinds (
  id serial PRIMARY KEY, v varbit, m macaddr, i interval, y bytea NOT NULL, t time NOT NULL,
  ts tsvector, mo money, p point, n numeric, d double precision NOT NULL, s smallint NOT NULL,
  r int4range, c cidr, j json, b bit(3) NOT NULL, a inet[]);
CREATE TABLE caseless (id serial PRIMARY KEY, name varchar(20) NOT NULL);
CREATE UNIQUE INDEX ON caseless (lower(name));
CREATE TABLE filled (id serial PRIMARY KEY, name text);
INSERT INTO filled (name) VALUES ('mine');
CREATE TABLE parted (id int NOT NULL, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2000-01-01') TO ('2100-01-01');
CREATE TABLE no_part (id int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE flags (yes bool PRIMARY KEY, what text NOT NULL);
CREATE TABLE guarded (id serial PRIMARY KEY, n int NOT NULL);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN IF new.n % 2 = 0 THEN RAISE EXCEPTION 'even: %', new.n; END IF; RETURN new; END $$;
CREATE TRIGGER guard BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
CREATE VIEW seen AS SELECT * FROM users;
"""


@pytest.fixture(scope="module", params=["psycopg2", "psycopg"])
def awkward(request, shared):
    """Yield a connection to a filled database and what was said of each table."""
    database = shared.create_database(f"awkward_{request.param}")
    engine = sa.create_engine(shared.url(database, driver=request.param))
    with engine.connect() as connection:
        for statement in _statements(AWKWARD):
            connection.execute(sa.text(statement.replace(":", "\\:")))
        connection.commit()
        seeded = autoseed.fill(connection, scale=0.2, rng=random.Random(1))
        connection.commit()
        yield connection, {each.table: each for each in seeded}
    engine.dispose()


def _statements(script):
    """Split at semicolons that end a line; a function's body has none."""
    lines, found = [], []
    for line in script.splitlines():
        lines.append(line)
        if line.endswith(";"):
            found.append("\n".join(lines))
            lines = []
    return found


@pytest.mark.parametrize(
    "table",
    [
        "users", "addresses", "tenants", "projects", "members", "tasks", "Order",
        "odd schema.t:a%ble", "profiles", "nodes", "either", "bookings", "keys_only", "spoiled",
        "kinds", "caseless", "parted", "guarded",
    ],
)  # fmt: skip
def test_a_fillable_table_is_filled(awkward, table):
    _, said = awkward
    assert said[table].skipped_reason is None
    assert said[table].row_count >= 100


def test_a_table_has_as_many_rows_as_its_key_allows(awkward):
    assert awkward[1]["flags"].row_count == 2


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("filled", "it has rows already"),
        ("boxes", "column b: no value known for box"),
        ("hens", "its foreign keys form a circle without a nullable column"),
        ("coops", "its parent hens has no rows"),
        ("no_part", "no partition of relation"),
        ("codes", "code3"),
    ],
)
def test_what_cannot_be_filled_is_skipped_with_its_reason(awkward, table, reason):
    circle = {"hens", "eggs"}
    entries = [awkward[1][name] for name in (circle if table in circle else {table})]
    assert all(entry.row_count == 0 for entry in entries)
    assert any(reason in entry.skipped_reason for entry in entries)


def test_counts_are_those_of_the_server(awkward):
    connection, said = awkward
    for name in ("users", "tasks", "guarded", "bookings", "either"):
        assert _one(connection, f"SELECT count(*) FROM {name}") == said[name].row_count


def test_only_the_users_tables_are_named(awkward):
    assert not {"alembic_version", "seen", "parted_1"} & set(awkward[1])


def test_rows_of_ones_own_are_left_alone(awkward):
    assert _one(awkward[0], "SELECT string_agg(name, ',') FROM filled") == "mine"


def test_a_circle_is_closed_afterwards(awkward):
    assert _one(awkward[0], "SELECT count(DISTINCT home) FROM users") > 50


def test_trees_have_roots_and_no_circles(awkward):
    connection, _ = awkward
    assert _one(connection, "SELECT count(*) FROM users WHERE manager_id IS NULL") > 20
    assert _one(connection, "SELECT count(*) FROM users WHERE manager_id >= id") == 0
    assert _one(connection, "SELECT count(manager_id) FROM users") > 100


def test_children_of_a_parent_have_different_other_parents(awkward):
    repeated = _one(
        awkward[0],
        "SELECT count(*) FROM (SELECT owner_id, primary_of FROM addresses"
        " WHERE primary_of IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1) x",
    )
    assert repeated == 0


def test_fan_out_is_from_none_to_many(awkward):
    query = (
        "SELECT {}(n) FROM (SELECT count(o.owner_id) AS n FROM users u"
        " LEFT JOIN addresses o ON o.owner_id = u.id GROUP BY u.id) x"
    )
    assert _one(awkward[0], query.format("min")) == 0
    assert _one(awkward[0], query.format("max")) >= 8


def test_the_order_of_rows_says_nothing_of_their_parents(awkward):
    found = _one(awkward[0], "SELECT corr(id, project_number * 1000 + tenant_id) FROM tasks")
    assert abs(found) < 0.2


def test_sequences_go_on_after_the_rows(awkward):
    connection, _ = awkward
    with connection.begin_nested() as savepoint:
        for table, columns, values in (
            ("nodes", "root_id, label", "1, 'x'"),
            ("users", "email, meta", "'new@mail.example', '{}'"),
            ("tenants", "slug", "'quite new'"),
        ):
            connection.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({values})"))
        connection.execute(sa.text("INSERT INTO keys_only DEFAULT VALUES"))
        savepoint.rollback()


def test_the_same_seed_fills_the_same_rows(shared):
    prints = []
    for n in range(2):
        database = shared.create_database(f"same_{n}")
        engine = sa.create_engine(shared.url(database))
        with engine.connect() as connection:
            for statement in _statements(AWKWARD):
                connection.execute(sa.text(statement.replace(":", "\\:")))
            autoseed.fill(connection, scale=0.05, rng=random.Random(7))
            prints.append(
                [
                    _one(
                        connection, f"SELECT md5(string_agg(t::text, '|' ORDER BY ctid)) FROM {t} t"
                    )
                    for t in ("users", "addresses", "tasks", "members", "kinds")
                ]
            )
        engine.dispose()
    assert prints[0] == prints[1]


def test_scale_sets_the_size(shared):
    database = shared.create_database("scaled")
    engine = sa.create_engine(shared.url(database))
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE TABLE things (id serial PRIMARY KEY, name text)"))
        connection.execute(sa.text("CREATE TABLE things_big (LIKE things INCLUDING ALL)"))
        seeded = autoseed.fill(connection, scale=0.1, rng=random.Random(7))
        assert [each.row_count for each in seeded] == [120, 120]
    engine.dispose()


def test_an_enum_that_only_python_knows_can_be_read_back(shared):
    metadata = sa.MetaData()
    table = sa.Table(
        "jobs",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state", sa.Enum("NEW", "DONE", native_enum=False), nullable=False),
        sa.Column("data", sa.PickleType(), nullable=False),
        sa.Column("ref", sa.Uuid(native_uuid=False), nullable=False),
    )
    database = shared.create_database("pythonic")
    engine = sa.create_engine(shared.url(database))
    with engine.connect() as connection:
        metadata.create_all(connection)
        autoseed.fill(connection, scale=0.1, rng=random.Random(7), metadata=[metadata])
        rows = connection.execute(sa.select(table)).all()
    engine.dispose()
    assert {row.state for row in rows} == {"NEW", "DONE"}
    assert {str(row.data) for row in rows} == {"{}"}
    assert len({row.ref for row in rows}) == len(rows) == 120


def _one(connection, sql):
    return connection.execute(sa.text(sql)).scalar()
