"""Hooks and apps are found by name, with a clear error where they are not."""

import pytest
from flask import Flask

from flask_assay.gather.inside import loading
from flask_assay.gather.inside.loading import reachable, resolve_hook


def test_a_hook_is_found_by_module_and_dotted_name():
    assert resolve_hook("pathlib:Path.cwd").__name__ == "cwd"


@pytest.mark.parametrize("spec", ["", "pathlib", ":x", "pathlib:"])
def test_a_hook_of_another_form_is_refused_with_its_text(spec):
    with pytest.raises(ValueError, match=r"not of the form module:function"):
        resolve_hook(spec)


@pytest.mark.parametrize(
    ("version", "name"), [("2.2.5", None), ("3.0.3", None), ("3.1.0", "shop.example")]
)
def test_flask_before_3_1_is_not_bound_to_one_host(monkeypatch, version, name):
    monkeypatch.setattr(loading, "version", lambda _: version)
    app = Flask(__name__)
    app.config["SERVER_NAME"] = "shop.example"
    assert reachable(app).config["SERVER_NAME"] == name


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1:8000", "the shop"),
        ("shop.example:5000", "the shop"),
        ("tea.shop.example:5000", "tea"),
    ],
)
def test_an_app_that_tells_subdomains_apart_answers_under_the_address_of_the_run(host, answer):
    app = Flask(__name__, subdomain_matching=True)
    app.config["SERVER_NAME"] = "shop.example:5000"
    app.add_url_rule("/", "home", lambda: "the shop")
    app.add_url_rule("/", "tenant", lambda tenant: tenant, subdomain="<tenant>")
    client = reachable(app).test_client()
    assert client.get("/", headers={"Host": host}).text == answer
    assert app.config["SERVER_NAME"] == "shop.example:5000"
