"""Registering, logging in and out, the profile."""

from secrets import token_hex

from flask import Blueprint, current_app, jsonify, request

from shop.auth import bearer_token, current_user, login_required, private
from shop.database import db, end_transaction
from shop.errors import Problem
from shop.forms import optional_text_field, text_field
from shop.models import User
from shop.services import accounts, uploads
from shop.tasks import enqueue, send_welcome

blueprint = Blueprint("accounts", __name__)

MAX_AVATAR_BYTES = 256 * 1024
IMAGE_TYPES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@blueprint.post("/register")
def register():
    least = current_app.config["PASSWORD_MIN_LENGTH"]
    try:
        user = accounts.register(
            text_field("username", most=80),
            text_field("password", least=least, most=200),
            email=optional_text_field("email"),
            phone=optional_text_field("phone", most=20),
        )
    except accounts.UsernameTakenError as error:
        raise Problem(409, "this username is taken") from error
    if user.email:
        enqueue(send_welcome, user.id)
    return private(jsonify(as_json(user))), 201


@blueprint.post("/login")
def login():
    token = accounts.log_in(text_field("username", most=80), text_field("password"))
    if token is None:
        raise Problem(401, "wrong username or password")
    return private(jsonify(token=token))


@blueprint.post("/logout")
@login_required
def logout():
    accounts.log_out(bearer_token())
    return jsonify(message="logged out")


@blueprint.get("/profile")
@login_required
def profile():
    return jsonify(as_json(current_user()))


@blueprint.put("/profile/avatar")
@login_required
def avatar():
    """Store the picture in the body. The connection is in the pool while S3 answers."""
    content = request.get_data()
    content_type = _image_type(content)
    user = current_user()
    end_transaction()
    key = f"avatars/{user.id}-{token_hex(8)}"
    try:
        uploads.store(key, content, content_type)
    except uploads.StorageDownError as error:
        raise Problem(503, "pictures cannot be stored right now, try again later") from error
    user.avatar_key = key
    db.session.commit()
    return jsonify(as_json(user))


def as_json(user: User) -> dict:
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "phone": user.phone,
        "avatar": user.avatar_key,
        "is_staff": user.is_staff,
        "created_at": user.created_at.isoformat(),
    }


def _image_type(content: bytes) -> str:
    if len(content) > MAX_AVATAR_BYTES:
        raise Problem(413, f"a picture has at most {MAX_AVATAR_BYTES:,} bytes")
    for start, content_type in IMAGE_TYPES.items():
        if content.startswith(start):
            return content_type
    raise Problem(415, "a picture is a PNG or a JPEG")
