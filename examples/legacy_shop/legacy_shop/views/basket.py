"""The basket."""

from flask import Blueprint, jsonify, request
from sqlalchemy.dialects.postgresql import insert

from legacy_shop.auth import current_user, login_required
from legacy_shop.extensions import db
from legacy_shop.models import BasketLine, Product
from legacy_shop.views import private

blueprint = Blueprint("basket", __name__)
blueprint.after_request(private)


def lines_of(user_id):
    return db.session.scalars(
        db.select(BasketLine).filter_by(user_id=user_id).order_by(BasketLine.id).limit(50)
    ).all()


@blueprint.get("/basket")
@login_required
def show_basket():
    lines = []
    for line in lines_of(current_user().id):
        product = db.session.get(Product, line.product_id)
        lines.append(
            {"name": product.name, "quantity": line.quantity, "price_cents": product.price_cents}
        )
    return {"lines": lines, "total_cents": sum(n["quantity"] * n["price_cents"] for n in lines)}


@blueprint.post("/basket")
@login_required
def add_to_basket():
    data = request.get_json()
    quantity = int(data.get("quantity", 1))
    statement = insert(BasketLine).values(
        user_id=current_user().id, product_id=int(data["product_id"]), quantity=quantity
    )
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id", "product_id"],
            set_={"quantity": statement.excluded.quantity},
        )
    )
    db.session.commit()
    return "", 204


@blueprint.put("/basket")
@login_required
def change_basket():
    quantity = int(request.get_json()["quantity"])
    lines = lines_of(current_user().id)[:3]
    for line in lines:
        line.quantity = quantity
    db.session.commit()
    return jsonify([{"product_id": n.product_id, "quantity": n.quantity} for n in lines])
