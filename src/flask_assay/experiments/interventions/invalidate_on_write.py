"""Answer an endpoint's GET requests from a cache that lasts until its data are written.

The replay writes nothing to what the endpoint reads, so a cache without end is the same; the
comparison of the responses would show it if it were not.
"""

import math
from typing import Any

from flask_assay.experiments.interventions import response_cache
from flask_assay.experiments.interventions.stand_in import IsOn, Parameters, Undo, always

__all__ = ["apply"]


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Cache the responses of an endpoint from now on.

    Parameters: "endpoint" and "per_identity", as for ``response_cache``.
    """
    return response_cache.apply(app, {**parameters, "ttl_s": math.inf}, is_on)
