"""In place of Flask-Testing: one test per row of the table in the how-to page."""

import socket
import sys
import unittest
import urllib.request
from subprocess import run

import pytest
from flask import (
    Flask,
    abort,
    flash,
    jsonify,
    redirect,
    render_template,
    render_template_string,
    request,
)
from jinja2 import DictLoader
from tests.plugin.compat.projects import failures, passed, write_catalog
from tests.plugin.sandbox.project import run_pytest

from flask_assay.unittest.flask_testing import (
    ContextVariableDoesNotExist,
    LiveServerTestCase,
    TestCase,
)


def make_app():
    app = Flask(__name__)
    app.config["SECRET_KEY"] = "known"
    app.jinja_env.loader = DictLoader({"page.html": "<p>{{ name }}</p>", "end.html": "end"})
    app.add_url_rule("/page", "page", lambda: render_template("page.html", name="Ada"))
    app.add_url_rule("/end", "end", lambda: render_template("end.html"))
    app.add_url_rule("/json", "json", lambda: jsonify(name="Ada"))
    app.add_url_rule("/status/<int:code>", "status", abort)
    app.add_url_rule("/to", "to", lambda: redirect(request.args["url"], int(request.args["code"])))

    @app.get("/flash")
    def flashing():
        flash("saved", "good")
        flash("plain")
        return render_template_string("{{ get_flashed_messages() }}")

    return app


class Case(TestCase):
    def create_app(self):
        return make_app()


class TestApp(Case):
    def setUp(self):
        self.seen_in_set_up = (self.app, self.client, request.path)

    def test_app_client_and_context_are_there_in_set_up(self):
        assert self.seen_in_set_up == (self.app, self.client, "/")
        assert self.client.get("/json").json == {"name": "Ada"}

    def test_a_test_may_remove_them(self):
        del self.app, self.client
        self._ctx.pop()
        del self._ctx


class TestTemplates(Case):
    def test_a_template_used(self):
        self.client.get("/page")
        self.assertTemplateUsed("page.html")
        self.assert_template_used("page.html", tmpl_name_attribute="name")

    def test_a_template_not_used(self):
        self.client.get("/page")
        self.client.get("/end")
        with self.assertRaisesRegex(AssertionError, r"page.html not used.*end.html"):
            self.assertTemplateUsed("page.html")

    def test_templates_are_rendered(self):
        assert self.client.get("/page").text == "<p>Ada</p>"
        assert [(one.name, context["name"]) for one, context in self.templates] == [
            ("page.html", "Ada")
        ]

    def test_context(self):
        self.client.get("/page")
        assert self.get_context_variable("name") == "Ada"
        self.assertContext("name", "Ada")
        self.assert_context("name", "Ada")
        with self.assertRaises(ContextVariableDoesNotExist):
            self.get_context_variable("age")

    def test_a_wrong_context(self):
        self.client.get("/page")
        with self.assertRaisesRegex(AssertionError, "Ada"):
            self.assertContext("name", "Bob")
        with self.assertRaisesRegex(AssertionError, "does not exist: age"):
            self.assertContext("age", 3)
        with self.assertRaisesRegex(AssertionError, "in my words"):
            self.assertContext("age", 3, "in my words")


class TestWithoutTemplates(Case):
    render_templates = False

    def test_nothing_is_rendered_and_yet_known(self):
        assert self.client.get("/page").data == b""
        self.assertTemplateUsed("page.html")
        self.assertContext("name", "Ada")


class TestMessages(Case):
    def test_a_message(self):
        self.client.get("/flash")
        self.assertMessageFlashed("saved", "good")
        self.assert_message_flashed("plain")
        assert self.flashed_messages == [("saved", "good"), ("plain", "message")]

    def test_a_message_in_another_category(self):
        self.client.get("/flash")
        with self.assertRaisesRegex(AssertionError, "'saved' in category 'message' wasn't flashed"):
            self.assertMessageFlashed("saved")


class TestStatus(Case):
    def test_each_code_has_two_names(self):
        for code in (400, 401, 403, 404, 405, 500):
            answer = self.client.get(f"/status/{code}")
            getattr(self, f"assert{code}")(answer)
            getattr(self, f"assert_{code}")(answer)
        self.assert200(self.client.get("/json"))
        self.assert_200(self.client.get("/json"))

    def test_any_code(self):
        answer = self.client.get("/status/418")
        self.assertStatus(answer, 418)
        self.assert_status(answer, 418)

    def test_a_wrong_code(self):
        answer = self.client.get("/json")
        with self.assertRaisesRegex(AssertionError, "HTTP Status 404 expected but got 200"):
            self.assert404(answer)
        with self.assertRaisesRegex(AssertionError, "in my words"):
            self.assert404(answer, "in my words")


class TestRedirects(Case):
    def to(self, url, code=302):
        return self.client.get("/to", query_string={"url": url, "code": code})

    def test_relative_and_absolute_are_the_same(self):
        for url in ("/page", "http://localhost/page"):
            for location in ("/page", "http://localhost/page"):
                self.assertRedirects(self.to(url), location)
                self.assert_redirects(self.to(url), location)

    def test_another_host(self):
        self.assertRedirects(self.to("http://elsewhere.test/x"), "http://elsewhere.test/x")
        with self.assertRaises(AssertionError):
            self.assertRedirects(self.to("http://elsewhere.test/x"), "/x")

    def test_the_servers_name_counts(self):
        self.app.config["SERVER_NAME"] = "shop.test"
        answer = self.client.get(
            "/to", base_url="http://shop.test", query_string={"url": "/page", "code": 303}
        )
        self.assertRedirects(answer, "http://shop.test/page")

    def test_codes(self):
        for code in (301, 302, 303, 305, 307):
            self.assertRedirects(self.to("/page", code), "/page")
        with self.assertRaisesRegex(AssertionError, "301, 302, 303, 305, 307 expected but got 200"):
            self.assertRedirects(self.client.get("/json"), "/page")
        with self.assertRaisesRegex(AssertionError, "in my words"):
            self.assertRedirects(self.client.get("/json"), "/page", "in my words")


class TestLive(LiveServerTestCase):
    def create_app(self):
        app = make_app()
        app.config["LIVESERVER_PORT"] = 0
        return app

    def test_it_answers(self):
        assert self._process.is_alive()
        with urllib.request.urlopen(f"{self.get_server_url()}/json") as answer:
            assert answer.read().strip() == b'{"name":"Ada"}'


def result_of(case, name):
    result = unittest.TestResult()
    case(name)(result)
    return result


class Live(LiveServerTestCase):
    __test__ = False
    port: int | None = None

    def create_app(self):
        app = make_app()
        if self.port is not None:
            app.config["LIVESERVER_PORT"] = self.port
        return app

    def runTest(self):
        assert self.get_server_url() == f"http://localhost:{self.port or 5000}"


def test_the_port_is_what_the_app_says(monkeypatch):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        monkeypatch.setattr(Live, "port", found.getsockname()[1])
    assert result_of(Live, "runTest").wasSuccessful()


def test_the_port_is_5000_if_the_app_says_nothing():
    result = result_of(Live, "runTest")
    # It may be taken on this machine: then the error says so.
    assert result.wasSuccessful() or "in use" in result.errors[0][1]


def test_a_class_without_an_app_errs_and_the_run_goes_on():
    class Nothing(TestCase):
        def test_nothing(self):
            raise AssertionError("not reached")

    [(_, text)] = result_of(Nothing, "test_nothing").errors
    assert "NotImplementedError: Nothing: define create_app()" in text


def test_no_app_is_made_for_a_skipped_test():
    class Skipped(TestCase):
        @unittest.skip("not today")
        def test_skipped(self):
            raise AssertionError("not reached")

    result = result_of(Skipped, "test_skipped")
    assert (len(result.skipped), result.errors) == (1, [])


def test_what_replaces_a_step_may_leave_everything_out():
    class Bare(TestCase):
        def _pre_setup(self):
            """No app at all."""

        def test_bare(self):
            assert self.app is None

    assert result_of(Bare, "test_bare").wasSuccessful()


def test_rendering_is_restored_after_the_test():
    assert result_of(TestWithoutTemplates, "test_nothing_is_rendered_and_yet_known").wasSuccessful()
    assert result_of(TestTemplates, "test_templates_are_rendered").wasSuccessful()


def test_debug_runs_the_test_with_its_app():
    TestTemplates("test_context").debug()


def test_garbage_is_collected_where_the_class_asks(monkeypatch):
    collected = []
    monkeypatch.setattr("gc.collect", lambda: collected.append(1))

    class Tidy(TestApp):
        run_gc_after_test = True

    result_of(TestApp, "test_a_test_may_remove_them")
    assert collected == []
    result_of(Tidy, "test_a_test_may_remove_them")
    assert collected == [1]


SUITE = """
import urllib.request

from catalog import Item, create_app, db
from sqlalchemy import text


class Tables:
    assay_app = "catalog:create_app"

    def create_app(self):
        app = create_app()
        app.config["LIVESERVER_PORT"] = 0
        return app

    def setUp(self):
        db.create_all()
        db.session.add(Item(name="mine"))
        db.session.commit()

    def tearDown(self):
        db.session.remove()
        db.drop_all()


class TestRows(Tables, TestCase):
    def test_one(self):
        assert self.client.get("/items").json == ["mine"]

    def test_two(self):
        assert self.client.get("/items").json == ["mine"]

    def test_vacuum(self):
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM item"))
        assert self.client.get("/items").json == ["mine"]


class TestServer(Tables, LiveServerTestCase):
    def test_live(self):
        with urllib.request.urlopen(self.get_server_url() + "/items") as answer:
            assert answer.read().strip() == b'["mine"]'
"""
OURS = "from flask_assay.unittest.flask_testing import LiveServerTestCase, TestCase\n"
THEIRS = "from flask_testing import LiveServerTestCase, TestCase\n"


@pytest.fixture
def project(tmp_path):
    return write_catalog(
        tmp_path, ini="assay_app = catalog:create_app\nassay_compat = flask-testing\n"
    )


@pytest.mark.services
def test_under_unittest_tests_are_isolated_on_postgresql(project):
    (project / "test_rows.py").write_text(OURS + SUITE)
    done = run(
        [sys.executable, "-m", "unittest", "-v", "test_rows"],
        cwd=project, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Ran 4 tests" in done.stderr


@pytest.mark.services
def test_under_pytest_the_import_may_stay(project):
    (project / "test_rows.py").write_text(THEIRS + SUITE)
    found = run_pytest(project)
    assert failures(found) == set(), found.text
    assert passed(found) == {"test_one", "test_two", "test_vacuum", "test_live"}
