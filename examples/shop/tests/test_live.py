"""The shop behind a real socket: what a browser and a proxy between see."""

from http.client import HTTPConnection

import pytest
from factories import ProductFactory


@pytest.fixture
def browser(app, assay_live_server):
    connection = HTTPConnection("127.0.0.1", assay_live_server.port, timeout=10)
    yield connection
    connection.close()


def get(browser, path, **headers):
    browser.request("GET", path, headers=headers)
    answer = browser.getresponse()
    return answer, answer.read()


def test_a_browser_sees_what_the_test_made(browser):
    product = ProductFactory(name="Lantern")
    answer, body = get(browser, f"/p/{product.id}")
    assert answer.status == 200
    assert b"Lantern" in body


def test_a_page_that_a_browser_has_is_not_sent_again(browser):
    ProductFactory()
    first, body = get(browser, "/")
    again, nothing = get(browser, "/", **{"If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status) == (200, 304)
    assert body
    assert nothing == b""


def test_a_head_request_carries_no_body(browser):
    browser.request("HEAD", "/healthz")
    answer = browser.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
