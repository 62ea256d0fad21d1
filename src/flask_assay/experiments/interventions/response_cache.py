"""Answer an endpoint's GET requests from a cache for some seconds.

The cache is wrapped around the view, decorators included; a hit still pays Flask and the
server. Keys hold path, query string and, where the view reads identity, the credentials.
When a recorded trace is replayed, each request says what time it is.
"""

import time
from typing import Any

from flask_assay.experiments.interventions.stand_in import IsOn, Parameters, Undo, always

__all__ = ["CACHE_HEADER", "CLOCK_HEADER", "apply"]

CACHE_HEADER = "X-Assay-Cache"
CLOCK_HEADER = "X-Assay-Clock"
_CLOCK_KEY = "HTTP_X_ASSAY_CLOCK"
_MOST_ENTRIES = 10_000


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Cache the responses of an endpoint from now on.

    Parameters: "endpoint", "ttl_s", and "per_identity", whether credentials are in the key.
    """
    from flask import request

    endpoint, ttl_s = parameters["endpoint"], float(parameters["ttl_s"])
    view = app.view_functions[endpoint]
    entries: dict[tuple[str, ...], tuple[float, Any, int, Any]] = {}

    def key() -> tuple[str, ...]:
        identity = ("Authorization", "Cookie") if parameters.get("per_identity") else ()
        return (request.full_path, *(request.headers.get(name, "") for name in identity))

    def cached(**values: Any) -> Any:
        if request.method != "GET" or not is_on():
            return app.ensure_sync(view)(**values)
        told = request.environ.get(_CLOCK_KEY)
        now, at = float(told) if told else time.monotonic(), key()
        entry = entries.get(at)
        if entry is not None and now - entry[0] < ttl_s:
            response = app.response_class(entry[1], status=entry[2], headers=entry[3])
            response.headers[CACHE_HEADER] = "hit"
            return response
        response = app.make_response(app.ensure_sync(view)(**values))
        if _is_cacheable(response) and (at in entries or len(entries) < _MOST_ENTRIES):
            entries[at] = (now, response.get_data(), response.status_code, list(response.headers))
        return response

    app.view_functions[endpoint] = cached
    return lambda: app.view_functions.__setitem__(endpoint, view)


def _is_cacheable(response: Any) -> bool:
    control = response.cache_control
    return (
        response.status_code == 200
        and not response.is_streamed
        and "Set-Cookie" not in response.headers
        and not control.no_store
    )
