"""A ``unittest.TestCase`` whose tests are isolated on a real PostgreSQL."""

import atexit
import contextlib
import os
import sys
import unittest
from typing import Any, ClassVar

from flask_assay.errors import AssayError, UsageError
from flask_assay.sandbox.active import active_host
from flask_assay.sandbox.attach import Attachment
from flask_assay.sandbox.checkout import Checkin, Gear
from flask_assay.sandbox.early import EarlyServer, forget, project_key, remember
from flask_assay.sandbox.providing import provide
from flask_assay.sandbox.provision import Provision
from flask_assay.sandbox.recipe import Recipe
from flask_assay.sandbox.sandbox import Sandbox
from flask_assay.sandbox.signals import IsolationLeakError, Signal, SignalKind
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor

__all__ = ["AssayTestCase"]


class _Process:
    """What all test cases of a process share: one server, one sandbox per recipe."""

    def __init__(self) -> None:
        self.attachment = Attachment()
        self.recipe: Recipe | None = None
        self.provision: Provision | None = None
        self.sandbox: Sandbox | None = None
        self._early: EarlyServer | None = None
        self._supervisor: Supervisor | None = None
        self._run: RunDirectory | None = None
        self._is_begun = False

    def begin(self, recipe: Recipe) -> None:
        """Launch the server that will probably be needed, once, and do not wait for it."""
        if self._is_begun or not _is_unittests_run():
            return
        self._is_begun = True
        with contextlib.suppress(AssayError, OSError):  # told when the server is needed
            self._early = EarlyServer.launch(self._supervised(), _key(recipe))
            self.recipe = recipe

    def _supervised(self) -> Supervisor:
        if self._supervisor is None:
            atexit.register(self.stop)
            self._run = RunDirectory.create()
            self._supervisor = Supervisor(self._run)
            self._supervisor.__enter__()
        return self._supervisor

    def start(self, recipe: Recipe) -> tuple[Sandbox, Any]:
        """Return the sandbox and the app; started by the first test case that needs it."""
        if self.sandbox is None or self.provision is None or self.recipe != recipe:
            if self.recipe not in (None, recipe):
                self.stop()
            self.recipe, supervisor = recipe, self._supervised()
            self._early = self._early or EarlyServer.launch(supervisor, _key(recipe))
            self.provision = provide(supervisor, recipe, self.attachment, early=self._early)
            remember(supervisor.run.cache, _key(recipe), self.provision.digest)
            self.sandbox = Sandbox(
                self.provision.server, self.provision.templates, attachment=self.attachment
            )
            self.sandbox.attach()
        return self.sandbox, self.provision.app

    def stop(self) -> None:
        """Stop everything. Idempotent."""
        if self.sandbox is not None:
            self.sandbox.detach(drop=False)  # the server and all that is on it ends as well
            self.sandbox = None
        if self._early is not None and self._run is not None and self.recipe is not None:
            if self.provision is None:
                forget(self._run.cache, _key(self.recipe))  # nor will the next run need it
            self._early = None
        self.provision = None
        if self._supervisor is not None:
            self._supervisor.__exit__(None, None, None)
            self._supervisor = None
        if self._run is not None:
            self._run.close()
            self._run = None


def _key(recipe: Recipe) -> str:
    return project_key(os.getcwd(), repr(recipe))  # noqa: PTH109 - as text, and nothing else


def _is_unittests_run() -> bool:
    """Whether Python was started to run tests by ``unittest``, not to import a module of them."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    return spec is not None and spec.name == "unittest.__main__"


_process = _Process()


class AssayTestCase(unittest.TestCase):
    """Each test in a sandbox of its own; what ``setUpClass`` writes is seen by all of the class.

    The sandbox is checked out before ``setUp`` and checked in after the last cleanup. A test
    that a rolled-back transaction cannot represent is run again on a clone.

    Attributes:
        assay_app: The app or a factory, as "module:name" (a class may override ``create_app``).
        assay_schema: As the pytest setting of that name.
        assay_seed: As the pytest setting of that name.
        assay_clean: As the pytest setting of that name.
        assay_gear: "rollback" or "clone" for every test of the class; None chooses.
        app: The app, made once per process.
        client: A test client, new for each test.
    """

    assay_app: ClassVar[str] = ""
    assay_schema: ClassVar[str] = "auto"
    assay_seed: ClassVar[str] = ""
    assay_clean: ClassVar[str] = ""
    assay_gear: ClassVar[Gear | None] = None
    app: ClassVar[Any] = None
    client: Any = None
    _assay_chosen: ClassVar[dict[str, Gear]] = {}

    @classmethod
    def assay_recipe(cls) -> Recipe | None:
        """Return what the template is made of; None runs the tests without a sandbox."""
        if not cls.assay_app:
            raise UsageError(
                f'{cls.__name__}: assay_app = "" names no app',
                todo='Set it to the app or a factory, for example "shop:create_app".',
            )
        return Recipe(cls.assay_app, cls.assay_schema, cls.assay_seed, cls.assay_clean)

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        if cls.assay_app and active_host() is None:
            _process.begin(Recipe(cls.assay_app, cls.assay_schema, cls.assay_seed, cls.assay_clean))
        if "setUpClass" in vars(cls):
            _wrap_class_setup(cls)

    @classmethod
    def setUpClass(cls) -> None:
        """Make the sandbox; what a subclass writes here lasts for the class."""
        super().setUpClass()
        _begin_class(cls)

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """Run the test in its gear, and again on a clone if rollback would not do."""
        sandbox = _process.sandbox
        if sandbox is None or active_host() is not None:
            self.client = self.app.test_client() if self.app is not None else None
            return super().run(result)
        result = result if result is not None else self.defaultTestResult()
        if sandbox.layers_lost_by:
            return self._report_lost_rows(sandbox.layers_lost_by, result)
        gear = self.assay_gear or self._assay_chosen.get(self.id(), "rollback")
        recorded, outcome = self._attempt(sandbox, gear)
        reason = _reason(recorded, outcome)
        is_shared = sandbox.has_shared_rows or sandbox.layers_lost_by
        if gear == "rollback" and reason is not None and not is_shared:
            again, second = self._attempt(sandbox, "clone")
            if outcome.has(SignalKind.HARD) or again.wasSuccessful() != recorded.wasSuccessful():
                self._assay_chosen[self.id()] = "clone"
                recorded, outcome = again, second
        elif outcome.has(SignalKind.HARD):
            _fail_for_gear(self, recorded, outcome)
        _fail_for_leak(self, recorded, outcome)
        recorded.replay(result)
        if outcome.statements:
            sandbox.tidy()
        return result

    def _report_lost_rows(self, lost_by: str, result: unittest.TestResult) -> unittest.TestResult:
        error = IsolationLeakError(
            f"the rows that setUpClass wrote are gone: {lost_by} lost them",
            why="They lie in one transaction with the tests of the class. That test ended it, or "
            "the connection that it was on.",
            todo='Mend that test, or give it a class of its own with assay_gear = "clone".',
        )
        recorded = _Recorder()
        recorded.replace(self, error)
        recorded.replay(result)
        return result

    def _attempt(self, sandbox: Sandbox, gear: Gear) -> "tuple[_Recorder, Checkin]":
        recorded = _Recorder()
        sandbox.checkout(self.id(), gear=gear)
        self.client = self.app.test_client() if self.app is not None else None
        try:
            super().run(recorded)
        finally:
            outcome = sandbox.checkin()
        return recorded, outcome


def _wrap_class_setup(cls: type[AssayTestCase]) -> None:
    """Have the class's layer begin before its own ``setUpClass``, which may not call super."""
    original = vars(cls)["setUpClass"].__func__

    def set_up(this: type[AssayTestCase]) -> None:
        _begin_class(this)
        original(this)

    cls.setUpClass = classmethod(set_up)  # type: ignore[assignment, method-assign]  # same signature


def _begin_class(cls: type[AssayTestCase]) -> None:
    if vars(cls).get("_assay_begun"):
        return
    host = active_host()
    if host is not None:
        cls.app = host.provide().app
        return
    recipe = cls.assay_recipe()
    if recipe is None:
        return
    sandbox, app = _process.start(recipe)
    cls.app = app
    cls._assay_begun = True  # type: ignore[attr-defined]  # per class
    sandbox.enter_layer(cls.__qualname__)
    cls.addClassCleanup(_end_class, cls, sandbox)


def _end_class(cls: type[AssayTestCase], sandbox: Sandbox) -> None:
    cls._assay_begun = False  # type: ignore[attr-defined]  # per class
    sandbox.leave_layer()
    sandbox.layers_lost_by = ""


def _reason(recorded: "_Recorder", outcome: Checkin) -> Signal | None:
    """Return why a test must be looked at on a clone, if it must."""
    kinds = [SignalKind.HARD, SignalKind.DOUBT]
    if not recorded.wasSuccessful():
        kinds.append(SignalKind.DOUBT_IF_FAILED)
    return next((one for one in outcome.signals if one.kind in kinds), None)


def _fail_for_leak(test: unittest.TestCase, recorded: "_Recorder", outcome: Checkin) -> None:
    leak = next((one for one in outcome.signals if one.kind is SignalKind.LEAK), None)
    if leak is not None and recorded.wasSuccessful():
        recorded.replace(test, IsolationLeakError(f"IsolationLeak: {leak}"))


def _fail_for_gear(test: unittest.TestCase, recorded: "_Recorder", outcome: Checkin) -> None:
    """Never a silent pass: a class that shares rows cannot be run again on a clone."""
    hard = next(one for one in outcome.signals if one.kind is SignalKind.HARD)
    error = IsolationLeakError(
        f"the rollback gear cannot show this: {hard}",
        why="setUpClass wrote rows, so the test cannot be run again on a clone of its own.",
        todo='Move the rows into setUp, or set assay_gear = "clone" on the class and do so.',
    )
    recorded.replace(test, error)


class _Recorder(unittest.TestResult):
    """Holds a result back until it is known which attempt counts."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def replace(self, test: unittest.TestCase, error: Exception) -> None:
        """Report an error of ours in place of what was recorded."""
        try:
            raise error
        except type(error):
            self.calls = [
                ("startTest", (test,)),
                ("addFailure", (test, sys.exc_info())),
                ("stopTest", (test,)),
            ]

    def replay(self, into: Any) -> None:
        """Report to the runner's own result."""
        for name, arguments in self.calls:
            if hasattr(into, name):
                getattr(into, name)(*arguments)


def _recorded(name: str) -> Any:
    original = getattr(unittest.TestResult, name)

    def call(self: _Recorder, *arguments: Any) -> None:
        self.calls.append((name, arguments))
        original(self, *arguments)

    return call


for _name in (
    "startTest", "stopTest", "addError", "addFailure", "addSuccess", "addSkip",
    "addExpectedFailure", "addUnexpectedSuccess", "addSubTest",
):  # fmt: skip
    setattr(_Recorder, _name, _recorded(_name))
