"""What the learning pass learns of rows, on a real ORM: who loaded them, and what was read."""

import json
import pickle
import sys
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask, jsonify
from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)
from sqlalchemy.pool import StaticPool

from flask_assay.probe import DEEP_SENSORS, ProbePlan, attach, detach
from flask_assay.probe.sensors.orm_reads import UNSEEN_READER

TEXT = "x" * 5000


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    posts: Mapped[list["Post"]] = relationship(back_populates="author")


class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author] = relationship(back_populates="posts")


@pytest.fixture
def engine():
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for k in range(4):
            posts = [Post(title=f"t{i}", body=TEXT) for i in range(3)]
            session.add(Author(name=f"a{k}", posts=posts))
        session.commit()
    yield engine
    engine.dispose()


@pytest.fixture
def learn(engine, tmp_path):
    """Return what is learned while a view runs, asked twice."""

    def ask(view):
        app = Flask(__name__)
        app.add_url_rule("/here", "here", lambda: view(Session(engine)))
        plan = ProbePlan(tmp_path, Path(__file__).parent, sensors=("requests", *DEEP_SENSORS))
        attach(plan)
        try:
            for _ in range(2):
                assert app.test_client().get("/here").status_code == 200
        finally:
            detach()
        (file,) = tmp_path.glob("learned-*.json")
        return json.loads(file.read_text())

    return ask


def groups(learned):
    return {(g["kind"], g["entity"], tuple(g["path"])): g for g in learned["groups"]}


def test_rows_that_are_only_counted_are_seen_to_be_untouched(learn):
    def view(session):
        return jsonify(len(session.scalars(select(Post)).all()))

    learned = learn(view)
    (group,) = learned["groups"]
    assert learned["requests"] == {"GET /here": 2}
    assert (group["instances"], group["touched"], group["requests"]) == (24, 0, 2)
    assert group["site"].startswith("test_orm_reads.py:")
    assert group["site"].endswith(" view")
    assert group["files"] == ["test_orm_reads.py"]


def test_columns_that_are_read_are_told_from_those_that_are_not(learn):
    def view(session):
        return jsonify([post.title for post in session.scalars(select(Post))])

    (group,) = learn(view)["groups"]
    assert group["touched"] == 24
    assert group["columns"]["title"] == {"loaded": 24, "read": 24, "bytes": 48}
    assert group["columns"]["body"] == {"loaded": 24, "read": 0, "bytes": 24 * 5000}


@pytest.mark.parametrize("loader", [selectinload, joinedload])
def test_a_relation_loaded_eagerly_and_never_read_is_seen(learn, loader):
    def view(session):
        found = session.scalars(select(Author).options(loader(Author.posts))).unique()
        return jsonify([author.name for author in found])

    found = groups(learn(view))
    children = found["eager", "Post", ("Author.posts",)]
    parents = found["query", "Author", ()]
    assert (children["instances"], children["touched"]) == (24, 0)
    assert parents["relationships"] == {}
    assert children["site"] == parents["site"]


def test_a_relation_that_is_read_counts_as_read_on_each_parent(learn):
    def view(session):
        found = session.scalars(select(Author).options(selectinload(Author.posts)))
        return jsonify([len(author.posts) for author in found])

    found = groups(learn(view))
    assert found["query", "Author", ()]["relationships"] == {"posts": 8}


def test_a_lazy_load_names_the_statement_that_its_parents_came_from(learn):
    def view(session):
        posts = session.scalars(select(Post)).all()
        return jsonify([post.author.name for post in posts])

    learned = learn(view)
    (lazy,) = learned["lazy_loads"]
    assert (lazy["path"], lazy["count"]) == (["Post.author"], 8)
    first, second = (int(lazy[name].split(":")[1].split()[0]) for name in ("origin", "site"))
    assert second == first + 1
    assert groups(learned)["lazy", "Author", ("Post.author",)]["touched"] == 8


def test_a_nested_lazy_load_arrives_with_its_whole_path(learn):
    def view(session):
        author = session.get(Author, 1)
        return jsonify([post.author.posts[0].title for post in author.posts])

    learned = learn(view)
    assert {tuple(one["path"]) for one in learned["lazy_loads"]} == {("Author.posts",)}


def test_what_is_pickled_or_deleted_counts_as_used(learn):
    def view(session):
        posts = session.scalars(select(Post).limit(4)).all()
        assert pickle.loads(pickle.dumps(posts[0])).body == TEXT
        session.delete(posts[1])
        posts[2].title = "new"
        session.flush()
        session.rollback()
        return jsonify(len(posts))

    (group,) = [g for g in learn(view)["groups"] if g["kind"] == "query"]
    assert group["touched"] == 2 * 3
    assert group["columns"]["body"]["read"] == 2


def test_an_object_that_is_only_referred_to_by_what_is_written_counts_as_used(learn):
    def view(session):
        author = session.scalars(select(Author).limit(1)).one()
        session.add(Post(title="x", body="y", author=author))
        session.flush()
        session.rollback()
        return jsonify(True)

    found = groups(learn(view))
    assert found["query", "Author", ()]["touched"] == 2


def test_plain_columns_make_no_objects_and_are_left_alone(learn):
    def view(session):
        session.scalars(select(Author).limit(1)).one().name
        return jsonify(session.scalar(select(func.count(Post.id))))

    assert [group["entity"] for group in learn(view)["groups"]] == ["Author"]


def test_nothing_is_written_where_nothing_was_loaded(engine, tmp_path):
    attach(ProbePlan(tmp_path, Path(__file__).parent, sensors=("requests", *DEEP_SENSORS)))
    with Session(engine) as session:
        session.scalars(select(Author)).all()
    detach()
    assert list(tmp_path.glob("learned-*.json")) == []


def test_dataclasses_beside_an_encoder_that_reads_past_attributes_are_marked(learn, monkeypatch):
    monkeypatch.setitem(sys.modules, "orjson", ModuleType("orjson"))
    monkeypatch.setattr(Post, "__dataclass_fields__", {}, raising=False)

    def view(session):
        return jsonify(
            len(session.scalars(select(Post)).all() + session.scalars(select(Author)).all())
        )

    files = {group["entity"]: group["files"] for group in learn(view)["groups"]}
    assert files == {"Post": [UNSEEN_READER, "test_orm_reads.py"], "Author": ["test_orm_reads.py"]}
