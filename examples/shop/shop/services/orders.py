"""Checkout and orders. Statements work on whole baskets, never line by line."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Row, delete, select, update
from sqlalchemy.orm import selectinload

from shop.caching import changed
from shop.database import db, now
from shop.models import BasketLine, Order, OrderLine, OrderStatus, Product, User
from shop.services import catalogue

REQUEUE_AT_MOST = 100


class EmptyBasketError(Exception):
    """There is nothing to buy."""


class OutOfStockError(Exception):
    """Some products of the basket are not there in the wanted quantity."""

    def __init__(self, product_ids: list[int]) -> None:
        super().__init__(product_ids)
        self.product_ids = product_ids


def check_out(user_id: int, payment_method: str) -> Order:
    """Turn the basket into a pending order, in one short transaction.

    Raises:
        EmptyBasketError, OutOfStockError: Nothing was written.
    """
    wanted = _lock_basket(user_id)
    if not wanted:
        db.session.rollback()
        raise EmptyBasketError
    missing = [line.product_id for line in wanted if line.quantity > line.stock]
    if missing:
        db.session.rollback()
        raise OutOfStockError(missing)
    order = Order(
        user_id=user_id,
        payment_method=payment_method,
        total_cents=sum(line.quantity * line.price_cents for line in wanted),
    )
    order.lines = [
        OrderLine(product_id=line.product_id, quantity=line.quantity, price_cents=line.price_cents)
        for line in wanted
    ]
    db.session.add(order)
    bought = (
        BasketLine.user_id == user_id,
        BasketLine.product_id.in_([line.product_id for line in wanted]),
    )
    sold_out = _take_from_stock(*bought)
    db.session.execute(delete(BasketLine).where(*bought))
    db.session.commit()
    if sold_out:
        changed(*map(catalogue.scope, sold_out))
    return order


def page(user_id: int, *, before: int | None, limit: int) -> Sequence[Row]:
    """Return a user's orders, newest first."""
    rows = (
        select(Order.id, Order.status, Order.total_cents, Order.created_at)
        .where(Order.user_id == user_id)
        .order_by(Order.id.desc())
        .limit(limit)
    )
    if before is not None:
        rows = rows.where(Order.id < before)
    return db.session.execute(rows).all()


def find(user_id: int, order_id: int) -> Order | None:
    """Return an order of this user with its lines and their products: two statements."""
    one = (
        select(Order)
        .where(Order.id == order_id, Order.user_id == user_id)
        .options(selectinload(Order.lines).joinedload(OrderLine.product).load_only(Product.name))
    )
    return db.session.scalar(one)


def buyer_of(order_id: int) -> User | None:
    buyer = select(User).join(Order, Order.user_id == User.id).where(Order.id == order_id)
    return db.session.scalar(buyer)


def pending_ids() -> Sequence[int]:
    """Return orders that no worker has paid yet, oldest first."""
    pending = select(Order.id).where(Order.status == OrderStatus.PENDING).order_by(Order.id)
    return db.session.scalars(pending.limit(REQUEUE_AT_MOST)).all()


def mark_paid(order_id: int, payment_id: str) -> bool:
    """Return whether this call made the order paid: two workers cannot both hear True."""
    return _settle(order_id, status=OrderStatus.PAID, payment_id=payment_id, paid_at=now())


def mark_declined(order_id: int) -> bool:
    """Return whether this call declined the order; its products go back into stock."""
    if not _settle(order_id, status=OrderStatus.DECLINED, commit=False):
        return False
    back = (
        update(Product)
        .where(Product.id == OrderLine.product_id, OrderLine.order_id == order_id)
        .values(stock=Product.stock + OrderLine.quantity)
        .returning(Product.id)
        .execution_options(synchronize_session=False)
    )
    restocked = db.session.scalars(back).all()
    db.session.commit()
    changed(*map(catalogue.scope, restocked))
    return True


def _lock_basket(user_id: int) -> Sequence[Row]:
    """Lock the products in the order of their ids, so that two buyers cannot deadlock."""
    rows = (
        select(BasketLine.product_id, BasketLine.quantity, Product.price_cents, Product.stock)
        .join(Product, Product.id == BasketLine.product_id)
        .where(BasketLine.user_id == user_id)
        .order_by(BasketLine.product_id)
        .with_for_update()
    )
    return db.session.execute(rows).all()


def _take_from_stock(*bought: ColumnElement[bool]) -> list[int]:
    """Return the products that are sold out by this."""
    taken = (
        update(Product)
        .where(Product.id == BasketLine.product_id, *bought)
        .values(stock=Product.stock - BasketLine.quantity)
        .returning(Product.id, Product.stock)
        .execution_options(synchronize_session=False)
    )
    return [product_id for product_id, stock in db.session.execute(taken) if stock == 0]


def _settle(order_id: int, *, commit: bool = True, **values) -> bool:
    pending = (
        update(Order)
        .where(Order.id == order_id, Order.status == OrderStatus.PENDING)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    settled = db.session.execute(pending).rowcount == 1
    if commit:
        db.session.commit()
    return settled
