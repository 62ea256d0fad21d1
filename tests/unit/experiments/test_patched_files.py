"""Files as people have them: line ends, encodings and layouts that a patch must not break."""

import ast
import subprocess

import pytest

from flask_assay.errors import UsageError
from flask_assay.experiments.patches import eager_load, index, model_index, pool_size
from flask_assay.experiments.patches.imports import with_import
from flask_assay.experiments.patches.write import write_patch
from flask_assay.model.finding import Finding, Place, Remedy, Severity

VIEW = """from flask import jsonify
from shop.models import Product, db


def products():
    found = db.session.scalars(db.select(Product)).all()
    return jsonify([p.supplier.name for p in found])
"""
SUPPLIER = {"relationship": "Product.supplier"}
OPTION = ".options(selectinload(Product.supplier))"


def eager(root, data, line=6, function="products"):
    (root / "views.py").write_bytes(data)
    return eager_load.patch(root, SUPPLIER, (Place("views.py", line, function),))


def by_git(root, made):
    """Let git apply the diff, and return what the file then is."""
    (root / "one.patch").write_bytes(made.diff_bytes())
    subprocess.run(["git", "apply", "one.patch"], cwd=root, check=True)
    return (root / made.file).read_bytes()


@pytest.mark.parametrize(
    "data",
    [
        VIEW.replace("\n", "\r\n").encode(),
        VIEW.replace("    ", "\t").encode(),
        VIEW.rstrip().encode(),
        VIEW.rstrip().replace("\n", "\r\n").encode(),
        f"# -*- coding: latin-1 -*-\n{VIEW}# caf\u00e9\n".encode("latin-1"),
        b"\xef\xbb\xbf" + VIEW.encode(),
        VIEW.replace("\n\n\n", "\n\n\x0c\n# \u2028\n").encode(),
        VIEW.replace("Product))", "\n        Product  # all\n    ))").encode(),
    ],
    ids=["crlf", "tabs", "no end", "crlf, no end", "latin-1", "mark", "form feed", "two lines"],
)
def test_whatever_a_file_is_made_of_git_applies_the_diff_and_nothing_else_changes(tmp_path, data):
    made = eager(tmp_path, data, line=data.count(b"\n", 0, data.index(b"jsonify([")) + 1)
    patched = by_git(tmp_path, made)
    ast.parse(patched)
    (tmp_path / "views.py").write_bytes(data)
    made.apply(tmp_path)
    assert (tmp_path / "views.py").read_bytes() == patched
    end = b"\r\n" if b"\r\n" in data else b"\n"
    for added in (OPTION, f"from sqlalchemy.orm import selectinload{end.decode()}"):
        patched = patched.replace(added.encode(), b"", 1)
    assert patched == data


def test_a_file_that_is_no_python_is_refused_by_name(tmp_path):
    for data in (b"def products(:\n", b"x = '\xe9'\n", b"x = '\x00'\n", b"# coding: nonsense\n"):
        with pytest.raises(UsageError, match=r"views\.py can not be read"):
            eager(tmp_path, data)


@pytest.mark.parametrize(
    ("query", "patched"),
    [
        ("models.Product.query", "models.Product.query.options(selectinload(models.Product.s"),
        ("select(models.Product)", "(models.Product).options(selectinload(models.Product.s"),
        ("select(Other, Product, x)", "(Other, Product, x).options(selectinload(Product.s"),
        ("models.Product.select()", "select().options(selectinload(models.Product.s"),
        ("[p for p in (\n        Product\n        .query\n        .all())]", ".query.options("),
    ],
)
def test_the_class_is_named_as_the_query_names_it(tmp_path, query, patched):
    made = eager(tmp_path, VIEW.replace("db.select(Product)", query).encode())
    ast.parse(made.after)
    assert patched in made.after


def test_a_function_is_found_by_its_name_where_lines_have_moved(tmp_path):
    older = f"def older():\n    return Product.query\n\n\n{VIEW}"
    made = eager(tmp_path, older.encode(), line=2)
    assert f"db.select(Product){OPTION}" in made.after
    with pytest.raises(UsageError, match="no query") as told:
        eager(tmp_path, VIEW.encode(), function="gone")
    assert "views.py:6 is no longer in gone" in told.value.why


CLASSES = """class Other(MethodView):
    def get(self):
        return Product.query.get(1)


class Products(MethodView):
    def post(self):
        return Product.query.first()

    def get(self):
        return [product for product in Product.query]
"""


def test_a_view_that_is_a_class_is_mended_in_the_method_that_answers(tmp_path):
    (tmp_path / "views.py").write_text(CLASSES)
    view = {"file": "views.py", "line": 6, "function": "Products"}
    app = {"routes": [{"rule": "/", "methods": ["GET", "POST"], "view": view}]}
    place = Place("templates/a.html", 3, "template")
    finding = Finding("n-plus-one-queries", "k", Severity.ERROR, "t", ("GET /",), place=place)
    made = write_patch(tmp_path, finding, Remedy("eager-load", SUPPLIER, "s"), app)
    assert f"for product in Product.query{OPTION}]" in made.after
    (tmp_path / "views.py").write_text(CLASSES.replace("in Product.query", "in find()"))
    with pytest.raises(UsageError, match="no query") as told:
        write_patch(tmp_path, finding, Remedy("eager-load", SUPPLIER, "s"), app)
    assert "Products." not in told.value.why


def test_another_directory_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"views\.py is not in"):
        eager_load.patch(tmp_path, SUPPLIER, (Place("shop/views.py", 1),))


def test_what_is_loaded_already_is_not_loaded_again(tmp_path):
    for loaded in (OPTION, ".options(orm.joinedload(models.Product.supplier))"):
        with pytest.raises(UsageError, match=r"views\.py:6 loads Product\.supplier already"):
            eager(tmp_path, VIEW.replace("(Product)", f"(Product){loaded}").encode())


def test_a_patch_is_not_written_over_what_was_edited_since(tmp_path):
    made = eager(tmp_path, VIEW.encode())
    (tmp_path / "views.py").write_text(f"{VIEW}# edited\n")
    with pytest.raises(UsageError, match="has changed since"):
        made.apply(tmp_path)
    (tmp_path / "views.py").unlink()
    with pytest.raises(UsageError, match="is not in"):
        made.apply(tmp_path)


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        ('#!/usr/bin/python\n"""What."""\nx = 1\n', '"""What."""\nfrom a import b\n'),
        ("class A:\n    c = b()\n\n\nimport z\n", "from a import b\nclass A:"),
        ("import os\nclass A:\n    pass\nimport z\n", "import os\nfrom a import b\nclass"),
        ("from a import c; import d\n", "import d\nfrom a import b\n"),
        ("from a import c  # noqa\n", "# noqa\nfrom a import b\n"),
        ("from a import (\n    c,\n)\n", ")\nfrom a import b\n"),
        ("from a import z, c\n", "from a import z, c, b\n"),
        ("from a import a, c\n", "from a import a, b, c\n"),
        ("import os; x = '''\n'''\n", "'''\nfrom a import b\n"),
        (f"from a import {'c' * 70}\n", "\nfrom a import b\n"),
        ("import os", "import os\nfrom a import b\n"),
    ],
)
def test_an_import_goes_where_imports_are_and_keeps_what_is_there(text, imported):
    after = with_import(text, "a", "b")
    ast.parse(after)
    assert imported in after


MODELS = """from typing import Annotated

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

key = Annotated[int, mapped_column(sa.ForeignKey("users.id"))]
found = Annotated[int, mapped_column(index=True)]


class Stock(Model):
    __tablename__ = "stock"
    __table_args__ = (
        sa.UniqueConstraint("a"),
        {"comment": "what is there"},
    )

    a: Mapped[int]
    b: Mapped[key]
    c: Mapped[found]
    d: Mapped[int] = mapped_column(
        sa.ForeignKey(
            "users.id"
        ),
        nullable=False  # always, known
    )
    e: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), nullable=False,)
    f: Mapped[int] = mapped_column(
        nullable=False,  # known
    )
    g: Mapped[int] = mapped_column(sa.Integer, **options)
    h: Mapped[int] = mapped_column((sa.Integer))
"""


def indexed(root, *columns, models=MODELS):
    (root / "models.py").write_text(models)
    made = model_index.patch(root, {"table": "stock", "columns": list(columns)})
    tree = ast.parse(made.after)
    assert ast.unparse(tree).count("Index(") + ast.unparse(tree).count("index=True") == 2
    return [line[1:] for line in made.diff().splitlines() if line[0] == "+"][1:]


@pytest.mark.parametrize(
    ("columns", "added"),
    [
        (("b",), ["    b: Mapped[key] = mapped_column(index=True)"]),
        (("d",), ["        nullable=False,  # always, known", "        index=True"]),
        (("e",), ['    e: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), nullable=False, index=True)']),
        (("f",), ["        index=True,"]),
        (("a", "b"), ['        sa.Index("ix_stock_a_b", "a", "b"),']),
    ],
)  # fmt: skip
def test_a_model_keeps_the_way_that_it_is_laid_out(tmp_path, columns, added):
    assert indexed(tmp_path, *columns) == added


@pytest.mark.parametrize(
    ("column", "reason"),
    [("c", "states its index already"), ("g", "states its index already"), ("h", "laid out")],
)
def test_a_column_that_is_not_certain_is_left_alone(tmp_path, column, reason):
    with pytest.raises(UsageError, match=reason):
        indexed(tmp_path, column)


def test_table_args_of_every_kind_take_the_index_or_are_left_alone(tmp_path):
    head, tail = MODELS.partition("    __table_args__")[0], MODELS.partition("    )\n\n")[2]

    def given(table_args):
        return indexed(tmp_path, "a", "b", models=f"{head}{table_args}\n{tail}")

    made = 'sa.Index("ix_stock_a_b", "a", "b")'
    assert given("    __table_args__ = {}") == [f"    __table_args__ = ({made}, {{}})"]
    (line,) = given("    __table_args__ = (sa.CheckConstraint('a > 0'),)")
    assert line == f"    __table_args__ = ({made}, sa.CheckConstraint('a > 0'),)"
    with pytest.raises(UsageError, match="in a way of its own"):
        given("    __table_args__ = OTHER + (1,)")
    with pytest.raises(UsageError, match="states the index already"):
        given("    __table_args__ = (sa.Index('other', 'a', 'b'),)")


def test_table_args_that_a_mixin_gives_are_not_hidden(tmp_path):
    (tmp_path / "base.py").write_text("class Base(Root):\n    __table_args__ = {'schema': 'x'}\n")
    mixed = MODELS.replace("Stock(Model)", "Stock(mixins.Base)")
    bare = mixed.partition("    __table_args__")[0] + mixed.partition("    )\n\n")[2]
    with pytest.raises(UsageError, match="__table_args__ of Base"):
        indexed(tmp_path, "a", "b", models=bare)
    assert indexed(tmp_path, "a", "b", models=mixed)


def test_an_index_has_one_name_whatever_the_projects_convention(tmp_path):
    convention = 'CONVENTION = {"naming_convention": 1, "ix": "%(column_0_label)s_idx"}\n'
    (tmp_path / "database.py").write_text(convention)
    assert indexed(tmp_path, "f") == ['        sa.Index("ix_stock_f", "f"),']


def test_a_migration_comes_with_the_model_that_states_its_index(tmp_path):
    versions = tmp_path / "shop" / "migrations"
    versions.mkdir(parents=True)
    (versions / "__init__.py").touch()
    (versions / "broken.py").write_text("def (")
    (versions / "one.py").write_text('revision = "aa"\ndown_revision = None\n')
    (tmp_path / "models.py").write_text(MODELS)
    remedy = Remedy("index", {"table": "stock", "columns": ["f"]}, "Index it.")
    finding = Finding("missing-index", "k", Severity.ERROR, "t", remedies=(remedy,))
    made = write_patch(tmp_path, finding, remedy, {})
    assert [part.file.rpartition("/")[0] for part in made.parts] == ["shop/migrations", ""]
    assert (made.schema, made.note) == ("patch", "")
    by_git(tmp_path, made)
    assert "        index=True," in (tmp_path / "models.py").read_text()
    with pytest.raises(UsageError, match="makes ix_stock_f already"):
        index.patch(tmp_path, remedy.parameters)
    (tmp_path / "models.py").unlink()
    elsewhere = Remedy("index", {"table": "stock", "columns": ["a"]}, "Index it.")
    made = write_patch(tmp_path, finding, elsewhere, {})
    assert made.schema == "alembic"
    assert "State the index in your models" in made.note


def test_a_pools_line_that_is_gone_is_told(tmp_path):
    (tmp_path / "config.py").write_text("A = 2\n")
    for file, number in (("config.py", 1), ("config.py", 99), ("gone.py", 1)):
        with pytest.raises(UsageError, match=file):
            pool_size.patch(
                tmp_path, {"pool_size": 8}, {"pool_size": {"file": file, "line": number}}
            )
