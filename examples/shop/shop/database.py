"""The database: the `db` object, constraint names that migrations rely on, common columns."""

from datetime import UTC, datetime
from typing import Annotated

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, ForeignKey, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
TYPES = {datetime: DateTime(timezone=True), str: Text()}


class Base(DeclarativeBase):
    registry = registry(metadata=MetaData(naming_convention=NAMES), type_annotation_map=TYPES)


# Objects stay readable after a commit: nothing is loaded twice, and the connection may go back.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})

Id = Annotated[int, mapped_column(primary_key=True)]
Name = Annotated[str, mapped_column(String(200))]
UserId = Annotated[int, mapped_column(ForeignKey("users.id", ondelete="CASCADE"))]
ProductId = Annotated[int, mapped_column(ForeignKey("products.id", ondelete="CASCADE"))]


def now() -> datetime:
    return datetime.now(UTC)


class Timestamped:
    created_at: Mapped[datetime] = mapped_column(default=now)


def end_transaction() -> None:
    """Commit, and give the connection back to the pool.

    Call this before anything slow: an HTTP or mail call, a queue, a password hash.
    """
    db.session.commit()
