"""Categories, products, search and reviews as JSON. Public answers come from the cache."""

from flask import Blueprint, jsonify, request

from shop.auth import current_user, login_required, staff_required
from shop.caching import cached_response
from shop.errors import Problem
from shop.forms import cursor, cursor_pair, int_field, page_limit, text_field
from shop.models import Product
from shop.services import catalogue

blueprint = Blueprint("catalogue", __name__)


@blueprint.get("/categories")
def categories():
    def build():
        return jsonify(categories=[row._asdict() for row in catalogue.categories()])

    return cached_response("categories", [catalogue.CATALOGUE], build)


@blueprint.get("/categories/<slug>/products")
def category(slug: str):
    after, limit = cursor_pair("after"), page_limit()

    def build():
        one, rows = catalogue.products_of_category(slug, after=after, limit=limit)
        if one is None:
            raise Problem(404, "there is no such category")
        following = f"{rows[-1].price_cents}-{rows[-1].id}" if len(rows) == limit else None
        products = [row._asdict() for row in rows]
        return jsonify(category=one.name, products=products, next=following)

    key = f"categories/{slug}?after={after}&limit={limit}"
    return cached_response(key, [catalogue.CATALOGUE], build)


@blueprint.get("/products")
def products():
    before, limit = cursor("before"), page_limit()

    def build():
        return page_of_products(catalogue.products(before=before, limit=limit), limit)

    return cached_response(f"products?{before}&{limit}", [catalogue.CATALOGUE], build)


@blueprint.get("/search")
def search():
    words = " ".join(request.args.get("q", "").lower().split())
    if not 2 <= len(words) <= 100 or "\0" in words:
        raise Problem(400, "'q' must be a text of 2 to 100 characters")
    before, limit = cursor("before"), page_limit()

    def build():
        return page_of_products(catalogue.search(words, before=before, limit=limit), limit)

    key = f"search?{before}&{limit}&{words}"
    return cached_response(key, [catalogue.CATALOGUE], build, ttl_s=60)


@blueprint.get("/products/<int:product_id>")
def product(product_id: int):
    def build():
        one = catalogue.product(product_id)
        if one is None:
            raise Problem(404, "there is no such product")
        return jsonify(as_json(one))

    return cached_response(f"products/{product_id}", [catalogue.scope(product_id)], build)


@blueprint.put("/products/<int:product_id>")
@staff_required
def change(product_id: int):
    values = {"name": text_field("name"), "price_cents": int_field("price_cents", least=0)}
    try:
        catalogue.change_product(product_id, **values)
    except catalogue.NoSuchProductError as error:
        raise Problem(404, "there is no such product") from error
    return jsonify(id=product_id, **values)


@blueprint.get("/products/<int:product_id>/reviews")
def reviews(product_id: int):
    before, limit = cursor("before"), page_limit()

    def build():
        rows = catalogue.reviews(product_id, before=before, limit=limit)
        following = rows[-1].id if len(rows) == limit else None
        return jsonify(reviews=[review_as_json(row) for row in rows], next=following)

    key = f"products/{product_id}/reviews?{before}&{limit}"
    return cached_response(key, [catalogue.scope(product_id)], build)


@blueprint.post("/products/<int:product_id>/reviews")
@login_required
def write_review(product_id: int):
    stars, body = int_field("stars", least=1, most=5), text_field("body", most=5000)
    try:
        review = catalogue.review(current_user(), product_id, stars=stars, body=body)
    except catalogue.NoSuchProductError as error:
        raise Problem(404, "there is no such product") from error
    except catalogue.AlreadyReviewedError as error:
        raise Problem(409, "you reviewed this product before") from error
    return jsonify(id=review.id), 201


def page_of_products(rows, limit: int):
    following = rows[-1].id if len(rows) == limit else None
    return jsonify(products=[row._asdict() for row in rows], next=following)


def as_json(product: Product) -> dict:
    return {
        "id": product.id,
        "name": product.name,
        "description": product.description,
        "category": {"name": product.category.name, "slug": product.category.slug},
        "price_cents": product.price_cents,
        "in_stock": product.stock > 0,
        "rating": product.rating,
        "rating_count": product.rating_count,
    }


def review_as_json(row) -> dict:
    return {
        "id": row.id,
        "author": row.username,
        "stars": row.stars,
        "body": row.body,
        "created_at": row.created_at.isoformat(),
    }
