"""In place of Flask-Testing 0.8: ``from flask_assay.unittest.flask_testing import TestCase``.

A class that names ``assay_app`` is isolated like every `AssayTestCase`; one that does not runs
as it did.
"""

import gc
import threading
import unittest
from collections.abc import Callable
from typing import Any
from unittest import mock
from urllib.parse import urljoin

import flask
from flask import message_flashed, template_rendered

from flask_assay.sandbox.recipe import Recipe
from flask_assay.sandbox.resources.live_server import STOP_S, LiveServer
from flask_assay.unittest.case import AssayTestCase

__all__ = ["ContextVariableDoesNotExist", "LiveServerTestCase", "TestCase"]

_REDIRECTS = (301, 302, 303, 305, 307)


class ContextVariableDoesNotExist(Exception):  # noqa: N818 - the name that suites import
    """No template of the last request was given this variable."""


class _AppCase(unittest.TestCase):
    """Makes the app and a request context inside the test's sandbox, around ``setUp``."""

    app: Any
    _ctx: Any

    def create_app(self) -> Any:
        """Return the app; each class says how."""
        raise NotImplementedError(f"{type(self).__name__}: define create_app()")

    def _callSetUp(self) -> None:  # unittest's own step, inside of its error handling
        self.addCleanup(self._post_teardown)
        self._pre_setup()
        self.setUp()

    def _pre_setup(self) -> None:
        self.app = self.create_app()
        self._ctx = self.app.test_request_context()
        self._ctx.push()

    def _post_teardown(self) -> None:
        context = vars(self).pop("_ctx", None)
        if context is not None:
            context.pop()
        for name in ("app", "client", "templates", "flashed_messages"):
            vars(self).pop(name, None)


class _Sandboxed(AssayTestCase):
    """In a sandbox if the class names an app, else as it is."""

    @classmethod
    def assay_recipe(cls) -> Recipe | None:
        """Return what the template is made of, None for no sandbox."""
        return super().assay_recipe() if cls.assay_app else None


def _status(code: int) -> Callable[..., None]:
    def check(self: "TestCase", response: Any, message: str | None = None) -> None:
        self.assertStatus(response, code, message)

    check.__doc__ = f"Check that the status is {code}."
    return check


class TestCase(_Sandboxed, _AppCase):
    """A test with an app of its own, a client, and what its templates and flashes said.

    Attributes:
        render_templates: Whether templates are rendered; without, signals are sent all the same.
        run_gc_after_test: Whether garbage is collected after each test.
        app: What ``create_app`` returned.
        client: A test client of it.
        templates: The last template rendered, with its context, in a list.
        flashed_messages: Pairs of message and category.
    """

    render_templates = True
    run_gc_after_test = False
    templates: list[tuple[Any, dict[str, Any]]]
    flashed_messages: list[tuple[Any, str]]

    def _pre_setup(self) -> None:
        super()._pre_setup()
        self.client = self.app.test_client()
        self.templates, self.flashed_messages = [], []
        template_rendered.connect(self._add_template)
        message_flashed.connect(self._add_flash_message)
        if not self.render_templates:
            patch = mock.patch.object(flask.templating, "_render", _empty)
            patch.start()
            self.addCleanup(patch.stop)

    def _post_teardown(self) -> None:
        template_rendered.disconnect(self._add_template)
        message_flashed.disconnect(self._add_flash_message)
        super()._post_teardown()
        if self.run_gc_after_test:
            gc.collect()

    def _add_template(self, app: Any, template: Any, context: dict[str, Any]) -> None:
        self.templates = [(template, context)]

    def _add_flash_message(self, app: Any, message: Any, category: str) -> None:
        self.flashed_messages.append((message, category))

    def assertMessageFlashed(self, message: Any, category: str = "message") -> None:
        """Check that a message was flashed."""
        if (message, category) not in self.flashed_messages:
            raise AssertionError(
                f"Message '{message}' in category '{category}' wasn't flashed; "
                f"these were: {self.flashed_messages}"
            )

    def assertTemplateUsed(self, name: str, tmpl_name_attribute: str = "name") -> None:
        """Check that the last request rendered a template of this name."""
        used = [getattr(template, tmpl_name_attribute) for template, _ in self.templates]
        if name not in used:
            raise AssertionError(f"Template {name} not used. Templates were used: {used}")

    def get_context_variable(self, name: str) -> Any:
        """Return what the last template was given under a name.

        Raises:
            ContextVariableDoesNotExist: It was given nothing.
        """
        for _, context in self.templates:
            if name in context:
                return context[name]
        raise ContextVariableDoesNotExist(name)

    def assertContext(self, name: str, value: Any, message: str | None = None) -> None:
        """Check what the last template was given under a name."""
        try:
            found = self.get_context_variable(name)
        except ContextVariableDoesNotExist:
            self.fail(message or f"Context variable does not exist: {name}")
        self.assertEqual(found, value, message)

    def assertRedirects(self, response: Any, location: str, message: str | None = None) -> None:
        """Check that a response leads to a path of the app, or to a URL."""
        codes = ", ".join(str(code) for code in _REDIRECTS)
        wrong = f"HTTP Status {codes} expected but got {response.status_code}"
        self.assertIn(response.status_code, _REDIRECTS, message or wrong)
        base = f"http://{self.app.config.get('SERVER_NAME') or 'localhost'}"
        # Werkzeug leaves a location relative since 2.1.
        self.assertEqual(urljoin(base, response.location), urljoin(base, location), message)

    def assertStatus(self, response: Any, status_code: int, message: str | None = None) -> None:
        """Check the status of a response."""
        wrong = f"HTTP Status {status_code} expected but got {response.status_code}"
        self.assertEqual(response.status_code, status_code, message or wrong)

    assert200 = assert_200 = _status(200)
    assert400 = assert_400 = _status(400)
    assert401 = assert_401 = _status(401)
    assert403 = assert_403 = _status(403)
    assert404 = assert_404 = _status(404)
    assert405 = assert_405 = _status(405)
    assert500 = assert_500 = _status(500)
    assert_message_flashed = assertMessageFlashed
    assert_template_used = assertTemplateUsed
    assert_context = assertContext
    assert_redirects = assertRedirects
    assert_status = assertStatus


def _empty(app: Any, template: Any, context: dict[str, Any]) -> str:
    template_rendered.send(app, template=template, context=context)
    return ""


class LiveServerTestCase(_Sandboxed, _AppCase):
    """A test with the app behind a real socket, in a thread, in the test's sandbox.

    The port is the app's ``LIVESERVER_PORT``, 5000 if it says nothing; 0 takes a free one.
    """

    _server: LiveServer | None = None

    def _pre_setup(self) -> None:
        super()._pre_setup()
        self._server = LiveServer(self.app, port=self.app.config.get("LIVESERVER_PORT", 5000))
        self._server.__enter__()

    def _post_teardown(self) -> None:
        try:
            if self._server is not None:
                self._server.stop(STOP_S)
        finally:
            super()._post_teardown()

    @property
    def _process(self) -> threading.Thread | None:
        """The serving thread, by the name that tests look at for ``is_alive()``."""
        return self._server.thread if self._server is not None else None

    def get_server_url(self) -> str:
        """Return the server's URL, without a slash at the end."""
        return f"http://localhost:{self._server.port}" if self._server is not None else ""
