"""Shipping, payment, orders."""

import requests
from flask import Blueprint, abort, current_app, jsonify, render_template_string, request
from sqlalchemy.orm import selectinload

from legacy_shop.auth import current_user, login_required
from legacy_shop.extensions import db
from legacy_shop.models import MailTemplate, Order, OrderLine, Product
from legacy_shop.views import page_number, private

blueprint = Blueprint("checkout", __name__)
blueprint.after_request(private)

http = requests.Session()


@blueprint.get("/shipping/quote")
def shipping_quote():
    answer = http.get(
        f"{current_app.config['SHIPPING_URL']}/quote",
        params={"postcode": request.args["postcode"], "grams": request.args.get("grams", 500)},
        timeout=5,
    )
    answer.raise_for_status()
    return {"price_cents": answer.json()["price_cents"]}


@blueprint.post("/checkout")
@login_required
def checkout():
    wanted = {int(n["product_id"]): int(n["quantity"]) for n in request.get_json()["lines"]}
    products = db.session.scalars(
        db.select(Product).where(Product.id.in_(wanted)).order_by(Product.id)
    ).all()
    if len(products) != len(wanted):
        abort(404)
    order = Order(
        user_id=current_user().id,
        status="pending",
        total_cents=sum(p.price_cents * wanted[p.id] for p in products),
        lines=[
            OrderLine(product_id=p.id, quantity=wanted[p.id], price_cents=p.price_cents)
            for p in products
        ],
    )
    db.session.add(order)
    db.session.flush()
    payment = http.post(
        f"{current_app.config['PAYMENT_URL']}/charges",
        json={"amount": order.total_cents, "reference": f"order-{order.id}"},
        timeout=10,
    ).json()
    order.status = payment["status"]
    order.payment_reference = payment["id"]
    body = {"id": order.id, "status": order.status, "total_cents": order.total_cents}
    db.session.commit()
    return body, 201


def own_order(order_id, *options):
    order = db.session.scalar(
        db.select(Order).options(*options).filter_by(id=order_id, user_id=current_user().id)
    )
    return order or abort(404)


@blueprint.get("/orders")
@login_required
def orders():
    found = db.session.scalars(
        db.select(Order)
        .filter_by(user_id=current_user().id)
        .order_by(Order.id.desc())
        .limit(20)
        .offset((page_number(request) - 1) * 20)
    ).all()
    return jsonify(
        [
            {
                "id": order.id,
                "status": order.status,
                "total_cents": order.total_cents,
                "piece_count": sum(line.quantity for line in order.lines),
            }
            for order in found
        ]
    )


@blueprint.get("/orders/<int:order_id>")
@login_required
def order(order_id):
    found = own_order(order_id, selectinload(Order.lines).joinedload(OrderLine.product))
    return {
        "id": found.id,
        "status": found.status,
        "total_cents": found.total_cents,
        "lines": [
            {"name": n.product.name, "quantity": n.quantity, "price_cents": n.price_cents}
            for n in found.lines
        ],
    }


@blueprint.get("/orders/<int:order_id>/invoice")
@login_required
def invoice(order_id):
    found = own_order(order_id, selectinload(Order.lines).joinedload(OrderLine.product))
    template = db.session.get(MailTemplate, "invoice")
    return render_template_string(template.source, order=found, user=current_user())
