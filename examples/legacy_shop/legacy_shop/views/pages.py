"""HTML pages."""

from flask import Blueprint, render_template, request
from sqlalchemy.orm import joinedload

from legacy_shop.extensions import cache, db
from legacy_shop.labels import shelf_label
from legacy_shop.models import Category, Product, Review
from legacy_shop.views import page_number, private

blueprint = Blueprint("pages", __name__)
blueprint.after_request(private)


@blueprint.get("/")
@cache.cached(timeout=60)
def home():
    newest = db.session.scalars(
        db.select(Product)
        .filter_by(is_active=True)
        .options(joinedload(Product.category))
        .order_by(Product.id.desc())
        .limit(12)
    ).all()
    menu = db.session.scalars(
        db.select(Category).filter_by(parent_id=None).order_by(Category.id).limit(12)
    ).all()
    return render_template("home.html", products=newest, menu=menu)


@blueprint.get("/pages/reviews")
def latest_reviews():
    query = db.select(Review).options(joinedload(Review.product)).order_by(Review.id.desc())
    reviews = db.session.scalars(query.limit(20).offset((page_number(request) - 1) * 20)).all()
    return render_template("reviews.html", reviews=reviews)


@blueprint.get("/labels/<sku>.svg")
def label(sku):
    return shelf_label(sku).svg, {"Content-Type": "image/svg+xml"}
