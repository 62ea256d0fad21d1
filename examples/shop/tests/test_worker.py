"""One round trip through a real queue: what is enqueued by the app is done by a worker."""

from collections.abc import Callable, Iterator
from queue import Queue

import pytest
from celery.contrib.testing.worker import start_worker
from celery.signals import task_postrun
from factories import OrderFactory
from shop import create_app, db
from shop.config import TestingConfig
from shop.models import Order
from shop.tasks import enqueue, pay_order, send_receipt, send_text


class QueueConfig(TestingConfig):
    CELERY_TASK_ALWAYS_EAGER = False


@pytest.fixture
def queueing_app(stubs):
    """An app beside the suite's own, on the same database, with a queue."""
    queueing_app = create_app(QueueConfig)
    queueing_app.config.update(stubs.variables)
    yield queueing_app
    with queueing_app.app_context():
        db.engine.dispose()


@pytest.fixture
def done() -> Iterator[Callable[[int], list[str]]]:
    """Return a function that waits for so many finished tasks and names them."""
    names: Queue[str] = Queue()

    def note(task, **details):
        names.put(task.name)

    task_postrun.connect(note)
    yield lambda count: [names.get(timeout=20) for _ in range(count)]
    task_postrun.disconnect(note)


def test_workers_do_what_the_app_enqueued(queueing_app, user, stubs, assay_mail, done):
    order = OrderFactory(user_id=user.id)
    with queueing_app.app_context():
        enqueue(pay_order, order.id)
        assert db.session.get(Order, order.id).status == "pending"
    with start_worker(queueing_app.extensions["celery"], perform_ping_check=False):
        finished = done(3)
    assert sorted(finished) == [task.name for task in (pay_order, send_receipt, send_text)]
    assert len(stubs.calls("POST", "/v1/payment_intents")) == 1
    assert len(stubs.calls("POST", "/Messages.json")) == len(assay_mail) == 1
