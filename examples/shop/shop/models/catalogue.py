"""What is sold: categories, products, reviews; and the plain items of the notice board."""

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.database import Id, Name, ProductId, Timestamped, UserId, db
from shop.models.accounts import User

SEARCHED_TEXT = "to_tsvector('english', name || ' ' || description)"


class Category(db.Model):
    __tablename__ = "categories"

    id: Mapped[Id]
    name: Mapped[Name] = mapped_column(unique=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)


class Product(Timestamped, db.Model):
    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("stock >= 0", name="stock_not_negative"),
        CheckConstraint("price_cents >= 0", name="price_not_negative"),
        Index(None, "category_id", "price_cents", "id"),  # a category, cheapest first
        Index(None, "search", postgresql_using="gin"),
    )

    id: Mapped[Id]
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id"))
    name: Mapped[Name]
    description: Mapped[str]
    price_cents: Mapped[int]
    stock: Mapped[int] = mapped_column(default=0)
    rating_sum: Mapped[int] = mapped_column(default=0)
    rating_count: Mapped[int] = mapped_column(default=0)
    search: Mapped[str] = mapped_column(
        TSVECTOR, Computed(SEARCHED_TEXT, persisted=True), deferred=True, deferred_raiseload=True
    )

    # Every relationship of this app raises when it is touched unloaded: an N+1 cannot slip in.
    category: Mapped[Category] = relationship(lazy="raise_on_sql")

    @property
    def rating(self) -> float | None:
        return round(self.rating_sum / self.rating_count, 2) if self.rating_count else None


class Review(Timestamped, db.Model):
    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("user_id", "product_id"),  # one voice each; also finds a user's reviews
        Index(None, "product_id", "id"),
        CheckConstraint("stars BETWEEN 1 AND 5", name="stars_in_range"),
    )

    id: Mapped[Id]
    product_id: Mapped[ProductId]
    user_id: Mapped[UserId]
    stars: Mapped[int]
    body: Mapped[str]

    author: Mapped[User] = relationship(lazy="raise_on_sql")


class Item(Timestamped, db.Model):
    __tablename__ = "items"

    id: Mapped[Id]
    name: Mapped[Name]
