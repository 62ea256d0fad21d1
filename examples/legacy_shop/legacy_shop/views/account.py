"""Registration, login, profile."""

import requests
from flask import Blueprint, abort, current_app, jsonify, request, session
from werkzeug.security import check_password_hash, generate_password_hash

from legacy_shop.auth import bearer_token, current_user, issue_token, login_required
from legacy_shop.extensions import cache, db
from legacy_shop.models import AuthToken, Offer, Order, Review, User, WishlistEntry
from legacy_shop.views import private

blueprint = Blueprint("account", __name__)
blueprint.after_request(private)

TIERS = ((500_000, "gold"), (100_000, "silver"), (0, "bronze"))


@blueprint.post("/register")
def register():
    data = request.get_json()
    if db.session.scalar(db.select(User.id).where(User.username == data["username"])):
        return {"error": "username taken"}, 409
    user = User(
        username=data["username"],
        email=data.get("email") or f"{data['username']}@mail.example",
        password_hash=generate_password_hash(
            data["password"], current_app.config["PASSWORD_METHOD"]
        ),
    )
    db.session.add(user)
    db.session.flush()
    body = {"id": user.id, "username": user.username}
    db.session.commit()
    return body, 201


@blueprint.post("/login")
def login():
    data = request.get_json()
    risk = requests.post(
        f"{current_app.config['RISK_URL']}/score",
        json={"username": data["username"], "address": request.remote_addr},
    ).json()
    if risk["score"] > 90:
        abort(403)
    user = db.session.scalar(db.select(User).where(User.username == data["username"]))
    if user is None or not check_password_hash(user.password_hash, data["password"]):
        abort(401)
    token = issue_token(user)
    session["user_id"] = user.id
    db.session.commit()
    return {"token": token}


@blueprint.post("/logout")
@login_required
def logout():
    db.session.execute(db.delete(AuthToken).where(AuthToken.token == bearer_token()))
    db.session.commit()
    session.clear()
    return "", 204


def amount_spent(user_id):
    return db.session.scalar(
        db.select(db.func.coalesce(db.func.sum(Order.total_cents), 0)).where(
            Order.user_id == user_id, Order.status == "paid"
        )
    )


def tier(user_id):
    spent = amount_spent(user_id)
    return next(name for limit, name in TIERS if spent >= limit)


def missing_for_next_tier(user_id):
    spent = amount_spent(user_id)
    return min((limit - spent for limit, _ in TIERS if limit > spent), default=0)


@blueprint.get("/profile")
@login_required
def profile():
    user = current_user()
    return {
        "username": user.username,
        "email": user.email,
        "city": user.city,
        "spent_cents": amount_spent(user.id),
        "tier": tier(user.id),
        "missing_for_next_tier_cents": missing_for_next_tier(user.id),
    }


@blueprint.get("/account/badges")
@login_required
def badges():
    user_id = current_user().id
    review_count = len(Review.query.filter_by(user_id=user_id).all())
    return {"reviewer": review_count >= 5, "review_count": review_count}


@blueprint.get("/account/offers")
@cache.cached(timeout=30)
@login_required
def offers():
    found = db.session.scalars(
        db.select(Offer).where(Offer.user_id == current_user().id).order_by(Offer.id).limit(10)
    )
    return jsonify([{"title": o.title, "discount_percent": o.discount_percent} for o in found])


@blueprint.post("/wishlist/import")
@login_required
def import_wishlist():
    user_id = current_user().id
    ids = []
    for name in request.get_json()["names"][:50]:
        entry = WishlistEntry(user_id=user_id, name=name)
        db.session.add(entry)
        db.session.flush()
        ids.append(entry.id)
    db.session.commit()
    return {"ids": ids}, 201
