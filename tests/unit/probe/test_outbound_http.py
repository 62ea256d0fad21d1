"""Which outbound calls are seen, and what is said of them."""

import asyncio

import httpx
import pytest
from flask import Flask
from tests.conformance import outside

from flask_assay.model.rows import SpanFlag, SpanKind


@pytest.fixture(scope="module")
def base():
    with outside.serving(outside.Http) as port:
        yield f"http://127.0.0.1:{port}"


def spans_of(probed, rows, view):
    probed()
    app = Flask(__name__)
    app.add_url_rule("/", view_func=view, endpoint="view")
    answer = app.test_client().get("/")
    (row,) = rows().requests
    return answer, [s for s in row.spans if s.kind == SpanKind.HTTP]


async def fetched(url):
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.get(url)


def test_an_async_client_is_seen_in_the_request_that_calls_it(probed, rows, base):
    def view():
        return asyncio.run(fetched(f"{base}/items/17")).content

    answer, spans = spans_of(probed, rows, view)
    assert answer.data == b"answer to /items/17"
    assert [(s.name, s.detail) for s in spans] == [("GET 127.0.0.1", "/items/{}")]
    assert not spans[0].flags & (SpanFlag.ERROR | SpanFlag.NO_TIMEOUT)


def test_an_async_call_that_fails_raises_as_before_and_is_marked(probed, rows):
    def view():
        with pytest.raises(httpx.ConnectError):
            asyncio.run(fetched("http://127.0.0.1:1/"))
        return "x"

    _answer, spans = spans_of(probed, rows, view)
    assert [bool(s.flags & SpanFlag.ERROR) for s in spans] == [True]
