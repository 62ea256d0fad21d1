"""Patches: code where the place is certain, a refusal where it is not."""

import ast

import pytest

from flask_assay.errors import UsageError
from flask_assay.experiments.patches import (
    eager_load,
    index,
    model_index,
    pool_size,
    response_cache,
)
from flask_assay.experiments.patches.write import write_patch
from flask_assay.model.finding import Finding, Place, Remedy, Severity

VIEWS = """from flask import jsonify
from sqlalchemy.orm import joinedload

from shop.models import Product, db


def older():
    return db.session.scalars(db.select(Product)).all()


@app.get("/products")
def products():
    found = Product.query.filter_by(is_active=True).all()
    return jsonify([p.supplier.name for p in found])


@app.get("/ö")
def both():
    a, b = "ö", db.select(Product).where(Product.id > 1), db.session.query(Product)
    return [p.supplier.name for p in a]


def columns():
    return [db.select(Product.id), Supplier.query]
"""
SUPPLIER = {"relationship": "Product.supplier"}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "views.py").write_text(VIEWS)
    return tmp_path


def line_of(text):
    return next(n for n, line in enumerate(VIEWS.splitlines(), 1) if text in line)


def test_the_only_query_of_the_function_gets_the_option_and_the_import(project):
    place = Place("views.py", line_of("jsonify([p.supplier"))
    made = eager_load.patch(project, SUPPLIER, (place,))
    ast.parse(made.after)
    changed = [
        line for line in made.diff().splitlines() if line.startswith("+") and "+++" not in line
    ]
    assert changed == [
        "+from sqlalchemy.orm import joinedload, selectinload",
        "+    found = Product.query.options(selectinload(Product.supplier)).filter_by(is_active=True).all()",
    ]
    assert (project / "views.py").read_text() == VIEWS


def test_a_select_gets_the_option_and_a_module_without_imports_of_it_a_new_line(project):
    (project / "views.py").write_text(VIEWS.replace("from sqlalchemy.orm import joinedload\n", ""))
    made = eager_load.patch(project, SUPPLIER, (Place("views.py", line_of("older()")),))
    assert "db.select(Product).options(selectinload(Product.supplier))" in made.after
    assert "import Product, db\nfrom sqlalchemy.orm import selectinload\n" in made.after


@pytest.mark.parametrize(
    ("text", "reason"),
    [("p in a]", "several queries"), ("db.select(Product.id)", "no query"), ("import", "no query")],
)
def test_an_uncertain_place_is_refused(project, text, reason):
    with pytest.raises(UsageError, match=reason) as told:
        eager_load.patch(project, SUPPLIER, (Place("views.py", line_of(text)),))
    assert "selectinload(Product.supplier)" in told.value.todo


def test_a_load_in_a_template_is_mended_in_the_view(project):
    finding = Finding(
        "n-plus-one-queries", "k", Severity.ERROR, "t", ("GET /products",),
        place=Place("templates/a.html", 3),
    )  # fmt: skip
    view = {"file": "views.py", "line": line_of('@app.get("/products")'), "function": "products"}
    app = {"routes": [{"rule": "/products", "methods": ["GET", "HEAD"], "view": view}]}
    made = write_patch(project, finding, Remedy("eager-load", SUPPLIER, "s"), app)
    assert "Product.query.options(" in made.after


MIGRATION = """revision: str = "{revision}"
down_revision = {below}
"""


def migrations(project, *pairs):
    folder = project / "migrations" / "versions"
    folder.mkdir(parents=True)
    for revision, below in pairs:
        text = MIGRATION.format(revision=revision, below=below)
        (folder / f"{revision}.py").write_text(text)
    return project


def test_an_index_becomes_a_migration_on_the_only_head(project):
    migrations(project, ("aa", None), ("bb", '"aa"'))
    made = index.patch(project, {"table": "stock", "columns": ["a", "b"], "schema": "public"})
    assert made.migrates
    assert made.file.startswith("migrations/versions/")
    assert 'down_revision = "bb"' in made.after
    assert 'op.create_index("ix_stock_a_b", "stock", ["a", "b"])' in made.after
    assert made.diff().startswith("--- /dev/null")
    ast.parse(made.after)


@pytest.mark.parametrize(
    ("pairs", "columns", "reason"),
    [
        ((), ["a"], "no Alembic"),
        ((("aa", None), ("bb", '"aa"'), ("cc", '"aa"')), ["a"], "2 heads"),
        ((("aa", None),), ["lower(a)"], "expression"),
    ],
)
def test_an_index_without_a_certain_place_is_refused(project, pairs, columns, reason):
    if pairs:
        migrations(project, *pairs)
    with pytest.raises(UsageError, match=reason):
        index.patch(project, {"table": "t", "columns": columns})


def test_the_pools_line_is_changed_and_no_other(project):
    (project / "config.py").write_text('A = 2\nO = {"pool_size": 2, "max_overflow": 0}\n')
    places = {"pool_size": {"file": "config.py", "line": 2}}
    made = pool_size.patch(project, {"pool_size": 8}, places)
    assert made.after == 'A = 2\nO = {"pool_size": 8, "max_overflow": 0}\n'
    with pytest.raises(UsageError, match="not certain"):
        pool_size.patch(project, {"pool_size": 8}, {})


def test_a_remedy_that_needs_a_person_is_refused_with_its_code():
    finding = Finding("a", "k", Severity.ERROR, "t")
    with pytest.raises(UsageError, match="needs a person") as told:
        write_patch(None, finding, Remedy("memo", {}, "Ask once.", "g.answer = 1"), {})
    assert told.value.why == "g.answer = 1"


MODELS = '''from sqlalchemy.orm import Mapped, mapped_column

from shop.database import db


class StockMovement(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    product_id = db.Column(db.ForeignKey("products.id"), nullable=False)
    sku = db.Column(db.String(20), unique=True)
    reason = db.Column(
        db.String(40),
        nullable=False,
    )


class Review(db.Model):
    """What customers say."""

    __tablename__ = "reviews"

    order_id: Mapped[int] = mapped_column()
    rating = db.Column("stars", db.Integer)
'''


def with_index(project, table, *columns, models=MODELS):
    (project / "models.py").write_text(models)
    made = model_index.patch(project, {"table": table, "columns": list(columns)})
    ast.parse(made.after)
    assert made.schema == "indexes"
    lines = made.diff().splitlines()
    return [line[1:] for line in lines if line[0] == "+" and not line.startswith("+++")]


def test_an_index_on_one_column_goes_to_the_column(project):
    (line,) = with_index(project, "stock_movement", "product_id")
    assert line.endswith('db.Column(db.ForeignKey("products.id"), nullable=False, index=True)')
    assert with_index(project, "stock_movement", "reason") == ["        index=True,"]
    (line,) = with_index(project, "reviews", "order_id")
    assert line.endswith("= mapped_column(index=True)")


def test_an_index_on_several_columns_goes_to_the_table(project):
    (line,) = with_index(project, "stock_movement", "product_id", "reason")
    made = 'db.Index("ix_stock_movement_product_id_reason", "product_id", "reason")'
    assert line == f"    __table_args__ = ({made},)"
    typed = MODELS.replace('db.Column("stars", db.Integer)', "mapped_column()")
    first, second = with_index(project, "reviews", "order_id", "rating", models=typed)
    assert first == "from sqlalchemy import Index"
    assert second.startswith('    __table_args__ = (Index("ix_reviews_order_id_rating"')


@pytest.mark.parametrize(
    ("table", "columns", "reason"),
    [
        ("nothing", ["a"], "0 classes"),
        ("reviews", ["rating"], "no column rating"),
        ("reviews", ["lower(order_id)"], "no column"),
        ("stock_movement", ["sku"], "states its index"),
    ],
)
def test_a_model_whose_place_is_not_certain_is_left_alone(project, table, columns, reason):
    with pytest.raises(UsageError, match=reason) as told:
        with_index(project, table, *columns)
    assert "CREATE INDEX ON" in told.value.todo


def test_models_get_the_index_only_where_no_migrations_do(project):
    (project / "models.py").write_text(MODELS)
    remedy = Remedy("index", {"table": "stock_movement", "columns": ["product_id"]}, "Index it.")
    finding = Finding("missing-index", "k", Severity.ERROR, "t", remedies=(remedy,))
    assert write_patch(project, finding, remedy, {}).file == "models.py"
    nested = project / "shop" / "migrations" / "versions"
    nested.mkdir(parents=True)
    (nested / "aa.py").write_text('revision = "aa"\ndown_revision = None\n')
    made = write_patch(project, finding, remedy, {})
    assert made.schema == "patch"
    assert made.file.startswith("shop/migrations/versions/")


SHOWN = """from flask import Blueprint, jsonify

blueprint = Blueprint("widgets", __name__)


@blueprint.get("/best")
def best():
    return jsonify([])
"""
APP = {
    "routes": [
        {"endpoint": "widgets.best", "rule": "/best", "methods": ["GET"],
         "view": {"file": "shop/widgets.py", "line": 7, "function": "best"}},
    ]
}  # fmt: skip
CACHED = {"endpoint": "widgets.best", "ttl_s": 15.0, "per_identity": False}


def cached(project, *, views=SHOWN, caches="cache = Cache()\n", **changed):
    (project / "shop").mkdir()
    (project / "shop" / "widgets.py").write_text(views)
    (project / "shop" / "extensions.py").write_text(f"from flask_caching import Cache\n{caches}")
    return response_cache.patch(project, CACHED | changed, APP)


def test_a_cache_is_a_decorator_below_the_route_and_an_import(project):
    made = cached(project)
    ast.parse(made.after)
    assert made.schema == ""
    lines = [line[1:] for line in made.diff().splitlines() if line[0] == "+"][1:]
    assert lines == [
        "from shop.extensions import cache",
        "@cache.cached(timeout=15, query_string=True)",
    ]
    assert "\n@cache.cached(timeout=15, query_string=True)\ndef best():" in made.after


def test_a_cache_that_is_imported_already_is_not_imported_again(project):
    made = cached(project, views=f"from .extensions import cache\n{SHOWN}")
    assert made.after.count("import cache") == 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"per_identity": True}, "who asks"),
        ({"caches": "cache, other = Cache(), 1\n"}, "0 Flask-Caching"),
        ({"caches": "a = Cache()\nb = Cache()\n"}, "2 Flask-Caching"),
        ({"views": SHOWN.replace("\ndef", "\n@cache.cached(5)\ndef")}, "cached already"),
        ({"views": f"from functools import cache\n{SHOWN}"}, "another thing"),
        ({"endpoint": "else.where"}, "not in the project"),
    ],
)
def test_a_view_whose_cache_is_not_certain_is_left_alone(project, changed, reason):
    with pytest.raises(UsageError, match=reason) as told:
        cached(project, **changed)
    assert "@cache.cached(timeout=15, query_string=True)" in told.value.todo
