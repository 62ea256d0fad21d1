"""The rows that a sign-in loads say who signed in."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from flask_assay.gather.inside.loaded import first_rows, rows_loaded


@pytest.fixture
def engine():
    engine = sa.create_engine("sqlite://")
    yield engine
    engine.dispose()


def test_rows_are_told_with_table_and_key_while_the_block_lasts(engine):
    class Base(DeclarativeBase):
        pass

    class User(Base):
        __tablename__ = "members"
        number: Mapped[int] = mapped_column("no", primary_key=True)

    class Right(Base):
        __tablename__ = "rights"
        user: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(primary_key=True)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([User(number=3), User(number=4), Right(user=4, name="x")])
        session.commit()
    with Session(engine) as session, rows_loaded() as rows:
        session.scalars(sa.select(User).order_by(User.number.desc())).first()
        session.scalars(sa.select(Right)).all()
    assert rows == [("members", "no", "4"), ("members", "no", "3")]
    with Session(engine) as session:
        session.scalars(sa.select(User)).all()
    assert len(rows) == 2


def test_of_many_rows_of_one_table_the_first_is_the_users():
    rows = [("user", "id", "1"), ("org", "id", "5"), ("user", "id", "2"), ("org", "id", "5")]
    assert first_rows(rows) == [("user", "id", "1"), ("org", "id", "5")]
