"""Send an ETag, and answer clients that have the body with 304.

The replay's requests come from clients that never were here before, so one is put into each that
was: from the second visit on, a request says which answer it has.
"""

from typing import Any

from flask_assay.experiments.interventions.stand_in import IsOn, Parameters, Undo, always

__all__ = ["apply"]

_MOST_CLIENTS = 10_000


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Add validators to an endpoint's answers from now on.

    Parameters: "endpoint".
    """
    from flask import request

    endpoint = parameters["endpoint"]
    view = app.view_functions[endpoint]
    known: dict[tuple[str, ...], str] = {}

    def validated(**values: Any) -> Any:
        if request.method != "GET" or not is_on():
            return app.ensure_sync(view)(**values)
        response = app.make_response(app.ensure_sync(view)(**values))
        if response.status_code != 200 or response.is_streamed:
            return response
        sent = request.headers
        client = (request.full_path, sent.get("Authorization", ""), sent.get("Cookie", ""))
        if client in known:
            request.environ["HTTP_IF_NONE_MATCH"] = known[client]
        response.add_etag()
        if len(known) < _MOST_CLIENTS:
            known[client] = response.headers["ETag"]
        return response.make_conditional(request.environ)

    app.view_functions[endpoint] = validated
    return lambda: app.view_functions.__setitem__(endpoint, view)
