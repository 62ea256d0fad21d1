"""What if an outbound call were left to a task queue: it costs the enqueueing, and no answer.

Simulated: the call is answered from memory after the time that a round trip to a queue takes.
The work is not saved, it is moved to another process.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask_assay.experiments.interventions import external_what_if
from flask_assay.experiments.interventions.stand_in import always

__all__ = ["ENQUEUE_S", "apply"]

# Assumed, and stated with the effect: a round trip to a broker on the same network.
ENQUEUE_S = 0.001


def apply(
    app: Any, parameters: Mapping[str, Any], is_on: Callable[[], bool] = always
) -> Callable[[], None]:
    """Replace the calls from now on.

    Args:
        app: The loaded Flask app.
        parameters: "endpoint" and "target", method and host.
        is_on: Whether the current request has the change.

    Returns:
        What takes it back.
    """
    return external_what_if.apply(app, {**parameters, "delay_s": ENQUEUE_S}, is_on)
