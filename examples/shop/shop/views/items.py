"""The items of the notice board: the smallest cached resource with writes."""

from flask import Blueprint, jsonify

from shop.caching import cached_response
from shop.errors import Problem
from shop.forms import cursor, page_limit, text_field
from shop.models import Item
from shop.services import items

blueprint = Blueprint("items", __name__, url_prefix="/items")


@blueprint.post("")
def create():
    item = items.create(text_field("name"))
    return jsonify(as_json(item)), 201, {"Location": f"/items/{item.id}"}


@blueprint.get("/<int:item_id>")
def show(item_id: int):
    def build():
        return jsonify(as_json(found(items.find(item_id))))

    return cached_response(f"items/{item_id}", [items.scope(item_id)], build)


@blueprint.put("/<int:item_id>")
def rename(item_id: int):
    return jsonify(as_json(found(items.rename(item_id, text_field("name")))))


@blueprint.get("")
def index():
    after, limit = cursor("after"), page_limit()

    def build():
        rows = items.page(after=after, limit=limit)
        following = rows[-1].id if len(rows) == limit else None
        return jsonify(items=[row._asdict() for row in rows], next=following)

    return cached_response(f"items?after={after}&limit={limit}", [items.LIST], build)


def found(item: Item | None) -> Item:
    if item is None:
        raise Problem(404, "there is no such item")
    return item


def as_json(item: Item) -> dict:
    return {"id": item.id, "name": item.name, "created_at": item.created_at.isoformat()}
