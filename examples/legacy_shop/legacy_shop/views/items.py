"""Items: what customers offer each other."""

from flask import Blueprint, current_app, jsonify, request

from legacy_shop.auth import login_required
from legacy_shop.extensions import db
from legacy_shop.models import Item
from legacy_shop.views import page_number, private

blueprint = Blueprint("items", __name__)
blueprint.after_request(private)


@blueprint.post("/items")
@login_required
def add_item():
    item = Item(name=request.get_json()["name"])
    db.session.add(item)
    db.session.flush()
    body = {"id": item.id}
    db.session.commit()
    return body, 201


@blueprint.get("/items/<int:item_id>")
def show_item(item_id):
    item = db.get_or_404(Item, item_id)
    return {"id": item.id, "name": item.name}


@blueprint.put("/items/<int:item_id>")
@login_required
def rename_item(item_id):
    item = db.get_or_404(Item, item_id)
    item.name = request.get_json()["name"]
    body = {"id": item.id, "name": item.name}
    db.session.commit()
    return body


@blueprint.get("/items")
def items():
    size = current_app.config["PAGE_SIZE"]
    found = db.session.scalars(
        db.select(Item)
        .order_by(Item.id.desc())
        .limit(size)
        .offset((page_number(request) - 1) * size)
    )
    return jsonify([{"id": item.id, "name": item.name} for item in found])
