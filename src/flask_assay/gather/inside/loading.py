"""Load the user's app the way ``flask`` does, with our routing in place before its import."""

import importlib
import os
import socket
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask_assay.gather.inside.target_plan import TargetPlan
from flask_assay.guard import egress
from flask_assay.routing.drivers import DriverRouter
from flask_assay.routing.engines import EngineRouter
from flask_assay.routing.plan import RoutePlan
from flask_assay.routing.redis import RedisRouter

__all__ = ["attach_routing", "load_app", "reachable", "resolve_hook"]


def attach_routing(plan: TargetPlan, router: EngineRouter) -> None:
    """Reroute engines, drivers and Redis clients; refuse other hosts."""
    router.attach()
    copies = [name for arm in plan.arms.values() for name in arm["databases"].values()]
    DriverRouter(plan.route, lambda: [*router.databases.values(), *copies]).attach()
    RedisRouter(plan.route).attach()
    if plan.blocks_egress:
        places = _places(plan.route)
        egress.attach(frozenset(plan.egress_allow), Path(plan.recording), places=places)


def _places(route: RoutePlan) -> frozenset[tuple[str, int]]:
    """Return the addresses of the run's servers that are reached over TCP."""
    asked = ((route.host, route.port), (route.redis_host, route.redis_port))
    found: set[tuple[str, int]] = set()
    for host, port in asked:
        if host and not host.startswith("/"):
            found.update({(host, port), (host, 0)})
            resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.update((str(address[4][0]), port) for address in resolved)
    return frozenset(found)


def load_app(plan: TargetPlan) -> Any:
    """Return the Flask app object.

    ``.env`` and ``.flaskenv`` were read by the parent ``flask`` command and are inherited.

    Raises:
        Exception: Whatever the app raises at import or in its factory, unchanged.
    """
    os.chdir(plan.directory)
    if plan.directory not in sys.path:
        sys.path.insert(0, plan.directory)
    from flask.cli import ScriptInfo

    return ScriptInfo(app_import_path=plan.app or None, set_debug_flag=False).load_app()


def reachable(app: Any) -> Any:
    """Let an app answer under the address of the run, as it does on Flask 3.1; return it.

    Flask before 3.1 answers 404 to each request whose host is not ``SERVER_NAME``; an app that
    tells subdomains apart does so in any version, and is told that it was asked by its own name.
    """
    name = str(app.config.get("SERVER_NAME") or "")
    if app.subdomain_matching and name:
        app.wsgi_app = _named(app.wsgi_app, name)
        return app
    is_strict = tuple(int(part) for part in version("flask").split(".")[:2]) < (3, 1)
    if is_strict:
        app.config["SERVER_NAME"] = None
    return app


def _named(wsgi_app: Any, name: str) -> Any:
    """Return the WSGI app with another host than ``name`` and what lies beneath it set to it."""
    bare = name.partition(":")[0]

    def asked_by_name(environ: dict[str, Any], start_response: Any) -> Any:
        host = str(environ.get("HTTP_HOST", "")).partition(":")[0]
        if host != bare and not host.endswith(f".{bare}"):
            environ["HTTP_HOST"] = name
        return wsgi_app(environ, start_response)

    return asked_by_name


def resolve_hook(spec: str) -> Any:
    """Return the callable that "module:function" names.

    Raises:
        ValueError: If the form is wrong.
        ImportError, AttributeError: If it does not exist.
    """
    module, colon, name = spec.partition(":")
    if not colon or not module or not name:
        raise ValueError(f"{spec!r} is not of the form module:function")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found
