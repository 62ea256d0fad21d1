import pytest

from flask_assay.load.worker.target_guard import LoadRefusedError, TargetGuard
from flask_assay.model.owned import AllowedTarget


def guard(host="127.0.0.1", port=8000):
    made = TargetGuard(AllowedTarget("http", host, port, "started by this test"))
    made.armed = True
    return made


@pytest.mark.parametrize(
    "url",
    ["/", "", "next", "?page=2", "//localhost:8000/x", "http://127.0.0.1:8000", "http://[::1]:8000/", "HTTP://LocalHost:8000/"],
)  # fmt: skip
def test_the_target_is_allowed_under_all_its_names(url):
    assert guard().allows_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8001/",
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "http://127.0.0.1.example.com:8000/",
        "http://127.0.0.1:8000@evil.example/",
        "//evil.example:8000/",
        "mailto:a@b",
        "myapp://callback",
    ],
)
def test_everything_else_is_not(url):
    assert not guard().allows_url(url)


def test_a_named_target_is_not_the_loopback():
    named = guard("Shop.example", 80)
    assert named.allows_url("http://shop.example/x")
    assert not named.allows_url("http://localhost/x")


def test_a_refusal_names_the_address_and_the_target():
    with pytest.raises(LoadRefusedError, match=r"pay\.example:443 is not the target"):
        guard().check_url("https://pay.example/x")
    guard().check_url("http://localhost:8000/x")


def test_before_the_users_start_nothing_is_refused():
    made = guard()
    made.armed = False
    made.check("data.example", 443)
