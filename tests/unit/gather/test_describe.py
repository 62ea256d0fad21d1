"""What is written down about the loaded app."""

from flask import Flask

from flask_assay.gather.inside.describe import describe_app


def other_hosts(app):
    return {route["endpoint"]: route["other_host"] for route in describe_app(app, "/")["routes"]}


def test_routes_of_a_subdomain_are_told_from_those_that_answer_anywhere():
    app = Flask(__name__, static_folder=None)
    app.config["SERVER_NAME"] = "shop.example"
    app.add_url_rule("/", "index", lambda: "")
    app.add_url_rule("/x", "admin", lambda: "", subdomain="admin")
    assert other_hosts(app) == {"index": "", "admin": "admin.shop.example"}


def test_routes_of_a_host_are_told():
    app = Flask(__name__, static_folder=None, host_matching=True)
    app.add_url_rule("/x", "admin", lambda: "", host="admin.example")
    assert other_hosts(app) == {"admin": "admin.example"}
