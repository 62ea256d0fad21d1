"""Categories, products and their reviews. Lists select columns: no entity, no wide text."""

from collections.abc import Sequence

from sqlalchemy import Row, func, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from shop.caching import changed
from shop.database import db
from shop.models import Category, Product, Review, User

CATALOGUE = "catalogue"  # the scope of lists, search results and the home page
MAX_CATEGORIES = 200
SUMMARY = (Product.id, Product.name, Product.price_cents)


class NoSuchProductError(Exception):
    """There is no product with this id."""


class AlreadyReviewedError(Exception):
    """Each user reviews a product once."""


def scope(product_id: int) -> str:
    return f"product:{product_id}"


def categories() -> Sequence[Row]:
    rows = select(Category.slug, Category.name).order_by(Category.name, Category.id)
    return db.session.execute(rows.limit(MAX_CATEGORIES)).all()


def products(*, before: int | None = None, limit: int) -> Sequence[Row]:
    """Return products, newest first."""
    rows = select(*SUMMARY).order_by(Product.id.desc()).limit(limit)
    if before is not None:
        rows = rows.where(Product.id < before)
    return db.session.execute(rows).all()


def products_of_category(
    slug: str, *, after: tuple[int, int] | None = None, limit: int
) -> tuple[Category | None, Sequence[Row]]:
    """Return the category and its products, cheapest first, after (price, id)."""
    category = db.session.scalar(select(Category).where(Category.slug == slug))
    if category is None:
        return None, []
    rows = (
        select(*SUMMARY)
        .where(Product.category_id == category.id)
        .order_by(Product.price_cents, Product.id)
        .limit(limit)
    )
    if after is not None:
        rows = rows.where(tuple_(Product.price_cents, Product.id) > tuple_(*after))
    return category, db.session.execute(rows).all()


def search(words: str, *, before: int | None = None, limit: int) -> Sequence[Row]:
    """Return the products whose name or description has all words, newest first."""
    query = func.websearch_to_tsquery("english", words)
    rows = (
        select(*SUMMARY)
        .where(Product.search.bool_op("@@")(query))
        .order_by(Product.id.desc())
        .limit(limit)
    )
    if before is not None:
        rows = rows.where(Product.id < before)
    return db.session.execute(rows).all()


def product(product_id: int) -> Product | None:
    """Return the product with its category, in one statement."""
    one = select(Product).where(Product.id == product_id).options(joinedload(Product.category))
    return db.session.scalar(one)


def reviews(product_id: int, *, before: int | None = None, limit: int) -> Sequence[Row]:
    """Return reviews with their authors' names, newest first."""
    rows = (
        select(Review.id, Review.stars, Review.body, Review.created_at, User.username)
        .join(User, User.id == Review.user_id)
        .where(Review.product_id == product_id)
        .order_by(Review.id.desc())
        .limit(limit)
    )
    if before is not None:
        rows = rows.where(Review.id < before)
    return db.session.execute(rows).all()


def review(user: User, product_id: int, *, stars: int, body: str) -> Review:
    """Return the new review, and count it in the product's rating.

    Raises:
        NoSuchProductError, AlreadyReviewedError: Nothing was written.
    """
    written = Review(user_id=user.id, product_id=product_id, stars=stars, body=body)
    counted = (
        update(Product)
        .where(Product.id == product_id)
        .values(rating_sum=Product.rating_sum + stars, rating_count=Product.rating_count + 1)
    )
    if db.session.execute(counted).rowcount == 0:
        db.session.rollback()
        raise NoSuchProductError(product_id)
    db.session.add(written)
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        raise AlreadyReviewedError(product_id) from error
    changed(scope(product_id))
    return written


def change_product(product_id: int, **values: str | int) -> Product:
    """Return the changed product.

    Raises:
        NoSuchProductError: Nothing was written.
    """
    changed_product = db.session.get(Product, product_id, with_for_update=True)
    if changed_product is None:
        raise NoSuchProductError(product_id)
    for name, value in values.items():
        setattr(changed_product, name, value)
    db.session.commit()
    changed(CATALOGUE, scope(product_id))
    return changed_product
