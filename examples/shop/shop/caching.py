"""Cached responses that never outlive a write.

Each response depends on *scopes*, such as `product:7`. A scope has a version in Redis; a cached
body carries the versions that it was built from, and counts only while they are current. A
writer calls `changed` after its commit, so the next read builds the body anew. The versions are
read *before* the body is built: a write in between leaves a body that no one will accept.

A hit is one round trip (MGET), and Redis being down means slower, not broken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from flask import Response, current_app, request
from redis.exceptions import RedisError

from shop.database import end_transaction
from shop.extensions import cache

UNCHANGED = "0"  # the version of a scope that no one wrote to lately


@dataclass(frozen=True)
class Entry:
    """A response body and the scope versions that it was built from."""

    versions: tuple[str, ...]
    body: bytes
    mimetype: str
    etag: str


def cached_response(
    key: str, scopes: Sequence[str], build: Callable[[], Response | str], *, ttl_s: int = 300
) -> Response:
    """Return the response under `key`, built only if a scope changed or its time is over.

    Only for responses that are the same for everybody: the key names the page, never the reader.

    Args:
        key: Names the page with every argument that shapes it.
        scopes: What the body depends on.
        build: Makes the response: a JSON response, or the text of an HTML page.
        ttl_s: Seconds after which the body is built anew in any case.
    """
    versions, entry = _look_up(key, scopes)
    if entry is None or entry.versions != versions:
        entry = _make_entry(versions, build())
        end_transaction()
        _store(key, entry, ttl_s)
    return _respond(entry)


def changed(*scopes: str) -> None:
    """Outdate every response that depends on these scopes. Call it after the commit."""
    # A version outlives every body made before it, so when it expires no such body is left.
    timeout_s = 2 * current_app.config["CACHE_DEFAULT_TIMEOUT"]
    fresh = {_version_key(scope): uuid4().hex for scope in scopes}
    try:
        cache.set_many(fresh, timeout=timeout_s)
    except RedisError:
        current_app.logger.exception("cached pages of %s may be stale", ", ".join(scopes))


def _look_up(key: str, scopes: Sequence[str]) -> tuple[tuple[str, ...], Entry | None]:
    try:
        *versions, entry = cache.get_many(*map(_version_key, scopes), key)
    except RedisError:
        current_app.logger.warning("the cache is unreachable", exc_info=True)
        return (), None
    return tuple(version or UNCHANGED for version in versions), entry


def _store(key: str, entry: Entry, ttl_s: int) -> None:
    if not entry.versions:  # the look-up failed, so the versions are unknown
        return
    try:
        cache.set(key, entry, timeout=min(ttl_s, current_app.config["CACHE_DEFAULT_TIMEOUT"]))
    except RedisError:
        current_app.logger.warning("the cache is unreachable", exc_info=True)


def _make_entry(versions: tuple[str, ...], built: Response | str) -> Entry:
    response = current_app.make_response(built)
    response.add_etag()
    return Entry(versions, response.get_data(), response.mimetype, response.get_etag()[0])


def _respond(entry: Entry) -> Response:
    response = Response(entry.body, mimetype=entry.mimetype)
    response.set_etag(entry.etag)
    # Browsers and proxies may keep it, and ask whether it is still current: 304 costs no body.
    response.cache_control.public = True
    response.cache_control.max_age = 0
    response.cache_control.must_revalidate = True
    return response.make_conditional(request)


def _version_key(scope: str) -> str:
    return f"version:{scope}"
