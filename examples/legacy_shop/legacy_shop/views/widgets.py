"""Fragments that partner sites embed, and the partners' own interface."""

from flask import Blueprint, abort, jsonify, request
from werkzeug.security import check_password_hash

from legacy_shop.extensions import cache, db
from legacy_shop.models import OrderLine, Partner, Product

blueprint = Blueprint("widgets", __name__)


@blueprint.get("/widgets/bestsellers")
def bestsellers():
    sold = db.func.sum(OrderLine.quantity)
    rows = db.session.execute(
        db.select(Product.id, Product.name, sold.label("sold"))
        .join(OrderLine, OrderLine.product_id == Product.id)
        .group_by(Product.id)
        .order_by(sold.desc(), Product.id)
        .limit(10)
    )
    return jsonify([{"id": row.id, "name": row.name, "sold": row.sold} for row in rows])


@cache.memoize(timeout=300)
def partner_key_hash(name):
    key_hash = db.session.scalar(db.select(Partner.key_hash).filter_by(name=name))
    db.session.rollback()  # checking the key takes a while: give the connection back
    return key_hash


@blueprint.get("/partner/prices/<sku>")
def partner_price(sku):
    key_hash = partner_key_hash(request.headers.get("X-Partner", ""))
    key = request.headers.get("X-Api-Key", "")
    if key_hash is None or not check_password_hash(key_hash, key):
        abort(401)
    price = db.session.scalar(db.select(Product.price_cents).filter_by(sku=sku))
    if price is None:
        abort(404)
    return {"sku": sku, "price_cents": price * 9 // 10}, {"Cache-Control": "no-store"}
