"""Registering, logging in and out."""

import secrets
from datetime import timedelta
from functools import cache
from hashlib import sha256

from flask import current_app
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import undefer
from werkzeug.security import check_password_hash, generate_password_hash

from shop.database import db, end_transaction, now
from shop.models import Token, User


class UsernameTakenError(Exception):
    """Somebody registered with this name before."""


def hash_password(password: str) -> str:
    return generate_password_hash(password, method=current_app.config["PASSWORD_METHOD"])


def register(
    username: str, password: str, *, email: str | None = None, phone: str | None = None
) -> User:
    """Return the new user.

    Raises:
        UsernameTakenError: The unique constraint decides, so two at once cannot both win.
    """
    user = User(username=username, password_hash=hash_password(password), email=email, phone=phone)
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        raise UsernameTakenError(username) from error
    return user


def log_in(username: str, password: str) -> str | None:
    """Return a new token, or None if name or password is wrong.

    Hashing takes long on purpose: the connection is back in the pool meanwhile. An unknown name
    takes as long as a known one.
    """
    by_name = select(User).where(User.username == username).options(undefer(User.password_hash))
    user = db.session.scalar(by_name)
    end_transaction()
    method = current_app.config["PASSWORD_METHOD"]
    stored = user.password_hash if user is not None else _hash_of_nobody(method)
    if not check_password_hash(stored, password) or user is None:
        return None
    return _issue_token(user)


def log_out(token: str) -> None:
    db.session.execute(delete(Token).where(Token.digest == _digest(token)))
    db.session.commit()


def user_of_token(token: str) -> User | None:
    """Return who holds this token, None if it is unknown, revoked or too old."""
    if not token:
        return None
    holder = (
        select(User)
        .join(Token, Token.user_id == User.id)
        .where(Token.digest == _digest(token), Token.expires_at > now())
    )
    return db.session.scalar(holder)


def delete_expired_tokens() -> int:
    """Return how many tokens were deleted."""
    deleted = db.session.execute(delete(Token).where(Token.expires_at <= now())).rowcount
    db.session.commit()
    return deleted


def _issue_token(user: User) -> str:
    token = secrets.token_urlsafe(32)
    lifetime = timedelta(days=current_app.config["TOKEN_LIFETIME_DAYS"])
    db.session.add(Token(digest=_digest(token), user_id=user.id, expires_at=now() + lifetime))
    db.session.commit()
    return token


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


@cache
def _hash_of_nobody(method: str) -> str:
    return generate_password_hash(secrets.token_hex(), method=method)
