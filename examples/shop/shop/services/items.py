"""The items of the notice board."""

from collections.abc import Sequence

from sqlalchemy import Row, select

from shop.caching import changed
from shop.database import db
from shop.models import Item

LIST = "items"


def scope(item_id: int) -> str:
    return f"item:{item_id}"


def create(name: str) -> Item:
    item = Item(name=name)
    db.session.add(item)
    db.session.commit()
    changed(LIST, scope(item.id))
    return item


def rename(item_id: int, name: str) -> Item | None:
    """Return the item under its new name, None if there is none."""
    item = db.session.get(Item, item_id, with_for_update=True)
    if item is not None:
        item.name = name
        db.session.commit()
        changed(LIST, scope(item.id))
    return item


def find(item_id: int) -> Item | None:
    return db.session.get(Item, item_id)


def page(*, after: int | None, limit: int) -> Sequence[Row]:
    """Return the items that follow `after`, oldest first."""
    rows = select(Item.id, Item.name).order_by(Item.id).limit(limit)
    if after is not None:
        rows = rows.where(Item.id > after)
    return db.session.execute(rows).all()
