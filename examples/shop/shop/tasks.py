"""Work outside requests. Tasks take ids, may run twice, and hold no connection while they call."""

from celery import Task, shared_task
from flask import current_app, render_template
from kombu.exceptions import OperationalError

from shop.database import db, end_transaction
from shop.models import Order, OrderStatus, User
from shop.services import accounts, mail, orders, payments, sms, uploads

RETRY = {"retry_backoff": 2, "retry_backoff_max": 300, "retry_jitter": True, "max_retries": 5}


def enqueue(task: Task, *args: object) -> None:
    """Hand a task to the workers of this app. Call it after the commit, with no transaction open.

    A broker that is down must not fail a request whose work is already saved: pending orders
    are found again by `requeue_orders`.
    """
    celery = current_app.extensions["celery"]  # not Celery's global app: that is the newest one
    try:
        celery.tasks[task.name].delay(*args)
    except OperationalError:
        current_app.logger.exception("the broker is down: %s%r was not queued", task.name, args)


@shared_task(autoretry_for=(mail.MailDownError,), **RETRY)
def send_welcome(user_id: int) -> None:
    user = db.session.get(User, user_id)
    end_transaction()
    if user is not None and user.email:
        text = render_template("mail/welcome.txt", user=user)
        mail.send(user.email, "Welcome to the shop", text)


@shared_task(autoretry_for=(payments.PaymentsDownError,), **RETRY)
def pay_order(order_id: int) -> None:
    order = db.session.get(Order, order_id)
    end_transaction()
    if order is None or order.status != OrderStatus.PENDING:
        return
    try:
        payment_id = payments.charge(order.id, order.total_cents, order.payment_method)
    except payments.DeclinedError:
        orders.mark_declined(order.id)
        return
    if orders.mark_paid(order.id, payment_id):
        enqueue(send_receipt, order.id)
        enqueue(send_text, order.id)


@shared_task(autoretry_for=(mail.MailDownError, uploads.StorageDownError), **RETRY)
def send_receipt(order_id: int) -> None:
    """Store the receipt and mail it."""
    user = orders.buyer_of(order_id)
    if user is None:
        return
    order = orders.find(user.id, order_id)
    end_transaction()
    receipt = render_template("mail/receipt.txt", order=order, user=user)
    uploads.store(f"receipts/{order.id}.txt", receipt.encode(), "text/plain; charset=utf-8")
    if user.email:
        mail.send(user.email, f"Your order {order.id}", receipt)


@shared_task(autoretry_for=(sms.SmsDownError,), **RETRY)
def send_text(order_id: int) -> None:
    user = orders.buyer_of(order_id)
    end_transaction()
    if user is not None and user.phone:
        sms.send(user.phone, f"Thank you, {user.username}! Order {order_id} is paid.")


@shared_task
def requeue_orders() -> None:
    """Queue pending orders again: their first task may have died with the broker."""
    pending = orders.pending_ids()
    end_transaction()
    for order_id in pending:
        enqueue(pay_order, order_id)


@shared_task
def delete_expired_tokens() -> None:
    accounts.delete_expired_tokens()
