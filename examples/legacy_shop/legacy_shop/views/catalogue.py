"""Products, categories, search."""

from flask import Blueprint, current_app, jsonify, request
from sqlalchemy.dialects.postgresql import plainto_tsquery, to_tsvector
from sqlalchemy.orm import joinedload, selectinload, undefer

from legacy_shop.extensions import db, redis_store
from legacy_shop.models import Category, Deal, Product, Review, SearchTerm, StockMovement, Supplier
from legacy_shop.text import edit_distance
from legacy_shop.views import page_number, private

blueprint = Blueprint("catalogue", __name__)
blueprint.after_request(private)


def product_card(product):
    return {
        "id": product.id,
        "sku": product.sku,
        "name": product.name,
        "slug": product.slug,
        "price_cents": product.price_cents,
    }


def page_of(query):
    size = current_app.config["PAGE_SIZE"]
    return query.limit(size).offset((page_number(request) - 1) * size)


@blueprint.get("/products")
def products():
    found = page_of(Product.query.filter_by(is_active=True).order_by(Product.id.desc())).all()
    return jsonify([{**product_card(p), "supplier": p.supplier.name} for p in found])


@blueprint.get("/products/index.json")
def product_index():
    rows = db.session.execute(
        db.select(Product.id, Product.name).where(Product.is_active).order_by(Product.id)
    )
    return jsonify([{"id": row.id, "name": row.name} for row in rows])


@blueprint.get("/products/<int:product_id>")
def product(product_id):
    found = db.get_or_404(
        Product,
        product_id,
        options=(
            undefer(Product.description),
            joinedload(Product.category),
            joinedload(Product.supplier),
        ),
    )
    body = {
        **product_card(found),
        "description": found.description,
        "category": found.category.name,
        "supplier": found.supplier.name,
    }
    found.view_count = Product.view_count + 1
    db.session.commit()
    return body


@blueprint.get("/products/<int:product_id>/stock")
def stock(product_id):
    quantity = db.session.scalar(
        db.select(db.func.sum(StockMovement.quantity)).where(
            StockMovement.product_id == product_id
        )
    )
    return {"product_id": product_id, "quantity": quantity or 0}


@blueprint.get("/products/<int:product_id>/related")
def related(product_id):
    category_id = db.session.scalar(db.select(Product.category_id).filter_by(id=product_id))
    others = (Product.category_id == category_id, Product.id != product_id)
    found = Product.query.filter(*others).limit(8).all()
    return jsonify([product_card(p) for p in found])


@blueprint.get("/products/<int:product_id>/reviews")
def product_reviews(product_id):
    found = page_of(
        Review.query.filter_by(product_id=product_id)
        .options(joinedload(Review.author))
        .order_by(Review.id.desc())
    )
    return jsonify(
        [
            {"rating": r.rating, "title": r.title, "body": r.body, "author": r.author.username}
            for r in found
        ]
    )


@blueprint.get("/categories")
def categories():
    return jsonify(
        [
            {
                "name": category.name,
                "slug": category.slug,
                "product_count": Product.query.filter_by(category_id=category.id).count(),
            }
            for category in Category.query.order_by(Category.id)
        ]
    )


@blueprint.get("/categories/<slug>/products")
def category_products(slug):
    category = Category.query.filter_by(slug=slug).first_or_404()
    query = Product.query.filter_by(category_id=category.id).order_by(Product.id)
    found = page_of(query).all()
    return jsonify([{**product_card(p), "tags": [t.name for t in p.tags]} for p in found])


@blueprint.get("/suppliers")
def suppliers():
    query = Supplier.query.order_by(Supplier.id)
    found = page_of(query.options(selectinload(Supplier.products))).all()
    return jsonify([{"id": s.id, "name": s.name, "country": s.country} for s in found])


@blueprint.get("/search")
def search():
    words = to_tsvector(db.literal_column("'simple'"), Product.name)
    query = plainto_tsquery(db.literal_column("'simple'"), request.args.get("q", ""))
    found = page_of(Product.query.filter(words.op("@@")(query)).order_by(Product.id))
    return jsonify([product_card(p) for p in found])


@blueprint.get("/search/suggest")
def suggest():
    typed = request.args.get("q", "").lower()
    terms = db.session.scalars(
        db.select(SearchTerm.term).order_by(SearchTerm.popularity.desc(), SearchTerm.id).limit(300)
    ).all()
    ranked = sorted(terms, key=lambda term: edit_distance(typed, term))
    return jsonify(ranked[:5])


@blueprint.get("/deals")
def deals():
    found = db.session.scalars(
        db.select(Deal).options(joinedload(Deal.product)).order_by(Deal.id).limit(20)
    ).all()
    cards = []
    for deal in found:
        left = redis_store.client.get(f"deal:{deal.id}:left")
        cards.append(
            {
                **product_card(deal.product),
                "discount_percent": deal.discount_percent,
                "left": int(left or 0),
            }
        )
    return jsonify(cards)
