"""What is bought: baskets, orders and their lines."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.database import Id, ProductId, Timestamped, UserId, db
from shop.models.catalogue import Product


class OrderStatus(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    DECLINED = "declined"


class BasketLine(db.Model):
    __tablename__ = "basket_lines"
    __table_args__ = (
        Index(None, "product_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
    )

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    product_id: Mapped[ProductId] = mapped_column(primary_key=True)
    quantity: Mapped[int]


class Order(Timestamped, db.Model):
    __tablename__ = "orders"
    __table_args__ = (
        Index(None, "user_id", "id"),
        # Few orders are pending, so the index that finds them stays small.
        Index("ix_orders_pending", "id", postgresql_where=text("status = 'pending'")),
    )

    id: Mapped[Id]
    user_id: Mapped[UserId]
    status: Mapped[str] = mapped_column(String(20), default=OrderStatus.PENDING)
    total_cents: Mapped[int]
    payment_method: Mapped[str] = mapped_column(String(60))
    payment_id: Mapped[str | None] = mapped_column(String(60))
    paid_at: Mapped[datetime | None]

    lines: Mapped[list["OrderLine"]] = relationship(
        lazy="raise_on_sql", order_by="OrderLine.product_id", passive_deletes=True
    )


class OrderLine(db.Model):
    __tablename__ = "order_lines"
    __table_args__ = (Index(None, "product_id"),)

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True
    )
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), primary_key=True)
    quantity: Mapped[int]
    price_cents: Mapped[int]

    product: Mapped[Product] = relationship(lazy="raise_on_sql")
