"""A user's basket."""

from collections.abc import Sequence

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from shop.database import db
from shop.models import BasketLine, Product
from shop.services.catalogue import NoSuchProductError

MAX_LINES = 50


class BasketFullError(Exception):
    """A basket holds at most MAX_LINES different products."""


def lines(user_id: int) -> Sequence[Row]:
    """Return (product_id, name, price_cents, quantity) of each line, at most MAX_LINES."""
    rows = (
        select(BasketLine.product_id, Product.name, Product.price_cents, BasketLine.quantity)
        .join(Product, Product.id == BasketLine.product_id)
        .where(BasketLine.user_id == user_id)
        .order_by(BasketLine.product_id)
        .limit(MAX_LINES)
    )
    return db.session.execute(rows).all()


def put(user_id: int, product_id: int, quantity: int) -> None:
    """Set how many of a product lie in the basket; asking twice changes nothing more.

    Raises:
        NoSuchProductError, BasketFullError: Nothing was written.
    """
    others = select(func.count()).where(
        BasketLine.user_id == user_id, BasketLine.product_id != product_id
    )
    if db.session.scalar(others) >= MAX_LINES:
        raise BasketFullError(MAX_LINES)
    line = insert(BasketLine).values(user_id=user_id, product_id=product_id, quantity=quantity)
    upsert = line.on_conflict_do_update(
        index_elements=["user_id", "product_id"], set_={"quantity": line.excluded.quantity}
    )
    try:
        db.session.execute(upsert)
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        raise NoSuchProductError(product_id) from error


def remove(user_id: int, product_id: int) -> bool:
    """Return whether the product was in the basket."""
    line = delete(BasketLine).where(
        BasketLine.user_id == user_id, BasketLine.product_id == product_id
    )
    found = db.session.execute(line).rowcount > 0
    db.session.commit()
    return found
