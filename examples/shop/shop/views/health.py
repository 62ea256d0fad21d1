"""For the load balancer: is this process able to serve?"""

from flask import Blueprint, jsonify
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from shop.database import db, end_transaction
from shop.extensions import cache

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz():
    """Answer 503 without a database; a cache that is down only makes the shop slower."""
    checks = {"database": _database_answers()}
    end_transaction()
    checks["cache"] = _cache_answers()
    status = 200 if checks["database"] else 503
    return jsonify(checks), status, {"Cache-Control": "no-store"}


def _database_answers() -> bool:
    try:
        db.session.execute(select(1))
    except SQLAlchemyError:
        db.session.rollback()
        return False
    return True


def _cache_answers() -> bool:
    try:
        cache.get("healthz")
    except RedisError:
        return False
    return True
