"""Celery. Start a worker with `celery --app shop.worker:celery worker`."""

from celery import Celery, Task
from flask import Flask


def init_celery(app: Flask) -> Celery:
    """Return the app's Celery; each task runs in a context of this app."""

    class AppTask(Task):
        def __call__(self, *args, **kwargs):
            with app.app_context():
                return self.run(*args, **kwargs)

    celery_app = Celery(app.import_name, task_cls=AppTask, include=["shop.tasks"])
    celery_app.conf.update(
        broker_url=app.config["CELERY_BROKER_URL"],
        task_always_eager=app.config["CELERY_TASK_ALWAYS_EAGER"],
        task_ignore_result=True,
        task_acks_late=True,  # a worker that dies gives its task back: tasks are safe to repeat
        worker_prefetch_multiplier=1,
        broker_connection_timeout=2,
        broker_transport_options={"socket_timeout": 2.0, "socket_connect_timeout": 2.0},
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_max": 0.2},
        beat_schedule={
            "requeue-orders": {"task": "shop.tasks.requeue_orders", "schedule": 300.0},
            "delete-expired-tokens": {
                "task": "shop.tasks.delete_expired_tokens",
                "schedule": 3600.0,
            },
        },
    )
    celery_app.set_default()
    app.extensions["celery"] = celery_app
    return celery_app


def __getattr__(name: str) -> Celery:
    """Make the app only for who asks for `shop.worker:celery`."""
    if name != "celery":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from shop import create_app

    return create_app().extensions["celery"]
