"""Who buys: users and their login tokens."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from shop.database import Id, Timestamped, UserId, db


class User(Timestamped, db.Model):
    __tablename__ = "users"

    id: Mapped[Id]
    username: Mapped[str] = mapped_column(String(80), unique=True)
    # Read at login only, so no other query carries it.
    password_hash: Mapped[str] = mapped_column(String(200), deferred=True, deferred_raiseload=True)
    email: Mapped[str | None] = mapped_column(String(200))
    phone: Mapped[str | None] = mapped_column(String(20))
    avatar_key: Mapped[str | None] = mapped_column(String(100))
    is_staff: Mapped[bool] = mapped_column(default=False)


class Token(Timestamped, db.Model):
    """A login. The client holds the secret, the table only its SHA-256."""

    __tablename__ = "tokens"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"))

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[UserId]
    expires_at: Mapped[datetime]
