"""The basket of the user who is logged in."""

from flask import Blueprint, jsonify

from shop.auth import current_user, login_required
from shop.errors import Problem
from shop.forms import int_field
from shop.services import basket
from shop.services.catalogue import NoSuchProductError

blueprint = Blueprint("basket", __name__, url_prefix="/basket")

MAX_QUANTITY = 99


@blueprint.get("")
@login_required
def show():
    lines = basket.lines(current_user().id)
    total_cents = sum(line.price_cents * line.quantity for line in lines)
    return jsonify(lines=[line._asdict() for line in lines], total_cents=total_cents)


@blueprint.put("/<int:product_id>")
@login_required
def put(product_id: int):
    quantity = int_field("quantity", least=1, most=MAX_QUANTITY)
    try:
        basket.put(current_user().id, product_id, quantity)
    except NoSuchProductError as error:
        raise Problem(404, "there is no such product") from error
    except basket.BasketFullError as error:
        raise Problem(409, f"a basket holds at most {basket.MAX_LINES} products") from error
    return jsonify(product_id=product_id, quantity=quantity)


@blueprint.delete("/<int:product_id>")
@login_required
def remove(product_id: int):
    if not basket.remove(current_user().id, product_id):
        raise Problem(404, "this product is not in the basket")
    return "", 204
