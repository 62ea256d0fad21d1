"""Checkout and the orders of the user who is logged in."""

from flask import Blueprint, jsonify, redirect

from shop.auth import current_user, login_required
from shop.database import end_transaction
from shop.errors import Problem
from shop.forms import cursor, page_limit, text_field
from shop.models import Order, OrderStatus
from shop.services import orders, uploads
from shop.tasks import enqueue, pay_order

blueprint = Blueprint("orders", __name__)


@blueprint.post("/checkout")
@login_required
def check_out():
    """Answer at once with a pending order; a worker asks the bank."""
    payment_method = text_field("payment_method", most=60, default="pm_card_visa")
    try:
        order = orders.check_out(current_user().id, payment_method)
    except orders.EmptyBasketError as error:
        raise Problem(409, "the basket is empty") from error
    except orders.OutOfStockError as error:
        products = ", ".join(map(str, error.product_ids))
        raise Problem(409, f"not enough in stock of product {products}") from error
    enqueue(pay_order, order.id)
    body = {"id": order.id, "status": OrderStatus.PENDING, "total_cents": order.total_cents}
    return jsonify(body), 201, {"Location": f"/orders/{order.id}"}


@blueprint.get("/orders")
@login_required
def index():
    limit = page_limit()
    rows = orders.page(current_user().id, before=cursor("before"), limit=limit)
    following = rows[-1].id if len(rows) == limit else None
    listed = [row._asdict() | {"created_at": row.created_at.isoformat()} for row in rows]
    return jsonify(orders=listed, next=following)


@blueprint.get("/orders/<int:order_id>")
@login_required
def show(order_id: int):
    return jsonify(as_json(found(orders.find(current_user().id, order_id))))


@blueprint.get("/orders/<int:order_id>/receipt")
@login_required
def receipt(order_id: int):
    """Redirect to the stored receipt; the signed link is made without a call."""
    order = found(orders.find(current_user().id, order_id))
    end_transaction()
    if order.status != OrderStatus.PAID:
        raise Problem(409, "this order is not paid")
    return redirect(uploads.link(f"receipts/{order.id}.txt"), code=303)


def found(order: Order | None) -> Order:
    if order is None:
        raise Problem(404, "you have no such order")
    return order


def as_json(order: Order) -> dict:
    return {
        "id": order.id,
        "status": order.status,
        "total_cents": order.total_cents,
        "created_at": order.created_at.isoformat(),
        "paid_at": order.paid_at.isoformat() if order.paid_at else None,
        "lines": [
            {
                "product_id": line.product_id,
                "name": line.product.name,
                "quantity": line.quantity,
                "price_cents": line.price_cents,
            }
            for line in order.lines
        ],
    }
