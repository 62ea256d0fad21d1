"""What the back office asks for."""

import csv
import io
import threading
from datetime import datetime, timezone

from flask import Blueprint, Response, current_app, request, stream_with_context
from sqlalchemy import create_engine, text

from legacy_shop.auth import admin_required
from legacy_shop.extensions import db
from legacy_shop.models import Order, Refund
from legacy_shop.views import private

blueprint = Blueprint("admin", __name__)
blueprint.after_request(private)


def first_day():
    return datetime.fromisoformat(request.args["since"]).replace(tzinfo=timezone.utc)


@blueprint.get("/admin/refunds")
@admin_required
def refund_summary():
    recent = (Order.created_at >= first_day(), Refund.created_at >= first_day())
    query = db.session.query(db.func.count(Order.id), db.func.sum(Refund.amount_cents))
    order_count, refunded = query.filter(*recent).one()
    return {"order_count": order_count, "refunded_cents": int(refunded or 0)}


per_thread = threading.local()


def reporting_connection():
    """Return this thread's own connection: reports must not wait for the shop's small pool."""
    if not hasattr(per_thread, "connection"):
        engine = current_app.extensions.setdefault(
            "reporting",
            create_engine(
                current_app.config["SQLALCHEMY_DATABASE_URI"],
                pool_size=8,
                isolation_level="AUTOCOMMIT",
            ),
        )
        per_thread.connection = engine.connect()
    return per_thread.connection


@blueprint.get("/admin/sizes")
@admin_required
def table_sizes():
    rows = reporting_connection().execute(
        text(
            "SELECT relname, n_live_tup FROM pg_stat_user_tables"
            " WHERE schemaname = 'public' ORDER BY relname"
        )
    )
    return {row.relname: row.n_live_tup for row in rows}


@blueprint.get("/admin/export")
@admin_required
def export():
    query = (
        db.select(Order.id, Order.user_id, Order.status, Order.total_cents)
        .where(Order.created_at >= first_day())
        .order_by(Order.id)
    )

    def lines():
        yield "id,user_id,status,total_cents\n"
        with db.engine.connect().execution_options(yield_per=500) as connection:
            for batch in connection.execute(query).partitions():
                out = io.StringIO()
                csv.writer(out).writerows(batch)
                yield out.getvalue()

    return Response(stream_with_context(lines()), mimetype="text/csv")
