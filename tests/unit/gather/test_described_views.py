"""Where a view is: of a class, the class, whatever its decorators wrapped."""

import functools

import pytest

flask = pytest.importorskip("flask")

from flask.views import MethodView  # noqa: E402

from flask_assay.gather.inside.describe import describe_app  # noqa: E402


def decorated(view):
    @functools.wraps(view)
    def inner(*given, **named):
        return view(*given, **named)

    return inner


class Plain(MethodView):
    def get(self):
        return ""


class Decorated(Plain):
    decorators = (decorated, decorated)


@decorated
def function():
    return ""


def test_a_view_is_found_below_its_decorators_and_a_class_by_its_name():
    app = flask.Flask(__name__)
    app.add_url_rule("/a", view_func=Plain.as_view("a"))
    app.add_url_rule("/b", view_func=Decorated.as_view("b"))
    app.add_url_rule("/c", "c", function)
    views = {each["endpoint"]: each["view"] for each in describe_app(app, "/")["routes"]}
    assert [views[name]["function"] for name in "abc"] == ["Plain", "Decorated", "function"]
    assert {views[name]["file"].rpartition("/")[2] for name in "abc"} == {"test_described_views.py"}
