"""The stubs themselves: they can be scripted, also from another process."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from shop.stubs import Stubs, start


def ask(url: str, method: str = "GET", body: dict | None = None) -> object:
    data = json.dumps(body).encode() if body is not None else None
    with urlopen(Request(url, data=data, method=method), timeout=5) as answer:
        return json.load(answer)


def test_a_hook_yields_the_variables_that_the_app_reads():
    with start() as variables:
        assert set(variables) == {"PAYMENTS_URL", "SMS_URL", "S3_URL", "MAIL_URL"}
        assert ask(f"{variables['PAYMENTS_URL']}/v1/payment_intents", "POST", {})["id"]


def test_a_script_from_another_process_counts_as_often_as_it_says():
    with start() as variables:
        root = variables["S3_URL"].removesuffix("/s3")
        reply = {"method": "GET", "path_part": "/s3/", "status": 418, "times": 1}
        ask(f"{root}/_script", "POST", reply)
        for status in (418, 404):
            with pytest.raises(HTTPError) as refused:
                ask(f"{root}/s3/shop/key")
            assert refused.value.code == status
            refused.value.close()
        assert ask(f"{root}/_calls") == ["GET /s3/shop/key"] * 2


def test_leaving_ends_answers_that_are_still_waiting():
    with Stubs() as stubs:
        stubs.script("GET", "/s3/", delay_s=60)
        with pytest.raises(TimeoutError):
            urlopen(f"{stubs.variables['S3_URL']}/shop/key", timeout=0.1)
