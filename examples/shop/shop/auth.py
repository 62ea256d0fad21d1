"""Who is asking: `Authorization: Bearer` and the decorators of views that need a login."""

from collections.abc import Callable
from functools import wraps

from flask import g, make_response, request

from shop.errors import Problem
from shop.models import User
from shop.services import accounts


def login_required(view: Callable) -> Callable:
    """Answer 401 without a valid token; the view finds the user in `current_user()`."""

    @wraps(view)
    def guarded(*args, **kwargs):
        user = accounts.user_of_token(bearer_token())
        if user is None:
            raise Problem(401, "log in first: POST /login, then send Authorization: Bearer <token>")
        g.user = user
        response = view(*args, **kwargs)
        return private(response)

    return guarded


def staff_required(view: Callable) -> Callable:
    """Answer 401 without a login, 403 to those who are not staff."""

    @wraps(view)
    def guarded(*args, **kwargs):
        if not current_user().is_staff:
            raise Problem(403, "this is for staff")
        return view(*args, **kwargs)

    return login_required(guarded)


def current_user() -> User:
    return g.user


def bearer_token() -> str:
    scheme = request.authorization
    return (scheme.token or "") if scheme is not None and scheme.type == "bearer" else ""


def private(response):
    """Keep a personal response out of every cache on its way."""
    response = make_response(response)
    response.headers["Cache-Control"] = "private, no-store"
    return response
