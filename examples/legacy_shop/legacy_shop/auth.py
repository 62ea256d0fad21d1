"""Who is asking: a bearer token, or the session of the HTML pages."""

import functools
import secrets

from flask import abort, g, request, session

from legacy_shop.extensions import db
from legacy_shop.models import AuthToken, User


def issue_token(user):
    token = secrets.token_hex(24)
    db.session.add(AuthToken(token=token, user_id=user.id))
    return token


def bearer_token():
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value if scheme == "Bearer" else None


def current_user():
    """Return the signed-in user or None; one query per request."""
    if "user" not in g:
        g.user = None
        token = bearer_token()
        if token:
            g.user = db.session.scalar(
                db.select(User)
                .join(AuthToken, AuthToken.user_id == User.id)
                .where(AuthToken.token == token)
            )
        elif "user_id" in session:
            g.user = db.session.get(User, session["user_id"])
    return g.user


def login_required(view):
    @functools.wraps(view)
    def wrapper(*args, **kwargs):
        if current_user() is None:
            abort(401)
        return view(*args, **kwargs)

    return wrapper


def admin_required(view):
    @functools.wraps(view)
    @login_required
    def wrapper(*args, **kwargs):
        if not current_user().is_admin:
            abort(403)
        return view(*args, **kwargs)

    return wrapper
