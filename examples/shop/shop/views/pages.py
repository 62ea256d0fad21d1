"""The pages for people: home and product. They are the same for everybody, so they are cached."""

from flask import Blueprint, render_template

from shop.caching import cached_response
from shop.errors import Problem
from shop.services import catalogue

blueprint = Blueprint("pages", __name__)

NEWEST = 12
REVIEWS = 10


@blueprint.get("/")
def home():
    def build():
        return render_template(
            "home.html",
            categories=catalogue.categories(),
            products=catalogue.products(limit=NEWEST),
        )

    return cached_response("pages/home", [catalogue.CATALOGUE], build)


@blueprint.get("/p/<int:product_id>")
def product(product_id: int):
    def build():
        one = catalogue.product(product_id)
        if one is None:
            raise Problem(404, "There is no such product.")
        reviews = catalogue.reviews(product_id, limit=REVIEWS)
        return render_template("product.html", product=one, reviews=reviews)

    return cached_response(f"pages/p/{product_id}", [catalogue.scope(product_id)], build)


@blueprint.app_template_filter()
def euros(cents: int) -> str:
    return f"{cents / 100:,.2f} €"
