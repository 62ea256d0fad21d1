"""Answer an endpoint's GET requests from a cache that lasts until its data are written.

The replay writes nothing to what the endpoint reads, so a cache without end is the same; the
comparison of the responses would show it if it were not.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from flask_assay.experiments.interventions import response_cache
from flask_assay.experiments.interventions.stand_in import always

__all__ = ["apply"]


def apply(
    app: Any, parameters: Mapping[str, Any], is_on: Callable[[], bool] = always
) -> Callable[[], None]:
    """Cache the responses of an endpoint from now on.

    Args:
        app: The loaded Flask app.
        parameters: "endpoint" and "per_identity", as for ``response_cache``.
        is_on: Whether the current request has the change.

    Returns:
        What takes it back.
    """
    return response_cache.apply(app, {**parameters, "ttl_s": math.inf}, is_on)
