"""Each test in its gear: checkout, checkin, and again on a clone where rollback would not do."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from flask_assay.pytest_plugin.attempt import Attempt, as_leak
from flask_assay.pytest_plugin.children import ChildWatch
from flask_assay.pytest_plugin.endings import ServerWatch, Timers
from flask_assay.pytest_plugin.factories import FactoryBinding
from flask_assay.pytest_plugin.frozen_clock import FrozenClock
from flask_assay.pytest_plugin.hooks_only import HooksOnly
from flask_assay.pytest_plugin.host import Host
from flask_assay.pytest_plugin.ids import RandomIds
from flask_assay.pytest_plugin.kept import KeptDatabases
from flask_assay.pytest_plugin.late import LateWork
from flask_assay.pytest_plugin.later import Later
from flask_assay.pytest_plugin.layers import Layers
from flask_assay.pytest_plugin.lock_waits import LockWaits
from flask_assay.pytest_plugin.marks import is_off, mistakes, stated
from flask_assay.pytest_plugin.strict import Strictness
from flask_assay.pytest_plugin.summary import Summary
from flask_assay.pytest_plugin.traces import ShortTraces
from flask_assay.sandbox.checkout import Checkin, Gear
from flask_assay.sandbox.choice import Choices, code_digest
from flask_assay.sandbox.signals import Signal, SignalKind

__all__ = ["Isolation"]

_Around = Callable[[pytest.Item], contextlib.AbstractContextManager[None]]
_CACHE = "assay/gears"
_CLONE_FIXTURES = frozenset({"celery_worker", "celery_session_worker"})
_failed = pytest.StashKey[bool]()


class Isolation(HooksOnly):
    """Hooks around each test.

    Args:
        config: Of the run.
        host: Provides the sandbox.
    """

    def __init__(self, config: pytest.Config, host: Host) -> None:
        self.config, self.host = config, host
        self.summary = Summary()
        self.layers = Layers(host)
        self._children = ChildWatch(host)
        self._suspects: list[str] = []
        self._choices: Choices | None = None
        mode = config.getoption("assay_gear") or config.getini("assay_sandbox")
        self._fixed: Gear | None = mode if mode in ("rollback", "clone") else None
        self._around: list[_Around] = [self._children.around]
        self.later = Later(self.confirm)
        config.pluginmanager.register(self.later, "flask-assay-later")
        self._kept = KeptDatabases(config, host, self.summary)
        self._server, self._timers = ServerWatch(host), Timers()
        self._add_parts(config)

    def _add_parts(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self.layers, "flask-assay-layers")
        config.pluginmanager.register(self._timers, "flask-assay-timers")
        config.pluginmanager.register(ShortTraces(self.host), "flask-assay-traces")
        waits = LockWaits(self.host, self.host.lock_wait_s)
        config.pluginmanager.register(waits, "flask-assay-lock-waits")
        ids = RandomIds(self.host, is_default=config.getoption("assay_ids") == "random")
        config.pluginmanager.register(ids, "flask-assay-ids")
        binding = FactoryBinding()
        config.pluginmanager.register(binding, "flask-assay-factories")
        self._around.append(binding.around)
        clock = FrozenClock(self.host)
        config.pluginmanager.register(clock, "flask-assay-clock")
        self._around.append(clock.around)
        self._around.append(LateWork(self.host, self.summary.late).around)
        if config.getini("assay_redis"):
            self._around.append(self._with_redis)
        if config.getini("assay_strict"):
            self._around.append(Strictness(self.host).around)

    @contextlib.contextmanager
    def _with_redis(self, item: pytest.Item) -> Iterator[None]:
        """Take Redis back to its base data after each test that used it."""
        try:
            yield
        finally:
            self.host.redis.empty()

    @property
    def choices(self) -> Choices:
        """What is remembered from earlier runs."""
        if self._choices is None:
            cache = getattr(self.config, "cache", None)
            stored = cache.get(_CACHE, {}) if cache is not None else {}
            self._choices = Choices(stored, self.host.provide().digest)
        return self._choices

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Refuse a test whose markers say what nobody understands."""
        found = "\n".join(mistakes(item))
        if found:
            pytest.fail(found, pytrace=False)

    # -- one test -------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionstart(self) -> Iterator[None]:
        """Refuse what would run tests without isolation; provide the server as workers start.

        Raises:
            pytest.UsageError: If another plugin runs tests again.
        """
        if self._reruns_are_anothers():
            raise pytest.UsageError(
                "--reruns and flask-assay's sandbox both run a test again, so one would hide the "
                "other's attempts. Leave out --reruns, or switch the sandbox off with "
                "--assay-gear=off."
            )
        yield
        self.host.share()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run one test in its gear, again if need be, and log one result."""
        if is_off(item) or getattr(self.config.option, "setupplan", False):  # a plan runs nothing
            self.host.stand_back()
            return None
        self.host.stand_in()
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        attempt = self._settled(item, nextitem)
        self._kept.settle(item.nodeid, attempt.result.kept)
        self._suspects.append(item.nodeid)
        is_last = nextitem is None or nextitem.path != item.path
        failed = attempt.failed
        end = self._server.look(item, failed=failed) if failed or is_last else ""
        if is_last and not end:
            attempt = self._checked(item, attempt)
        for report in attempt.reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if end:
            item.session.shouldstop = end
        elif attempt.result.statements and nextitem is not None:
            self.host.sandbox.tidy()
        return True

    def _checked(self, item: pytest.Item, attempt: Attempt) -> Attempt:
        """Look, after each module, for rows that got into the shared database from elsewhere."""
        suspects, self._suspects = self._suspects, []
        if not self.host.sandbox.leaked():
            return attempt
        self.host.sandbox.heal()
        many = f" and {len(suspects) - 1} before it" if len(suspects) > 1 else ""
        text = f"rows or tables outlived the tests of {item.path.name}"
        leak = Signal(SignalKind.LEAK, "outlived", text, f"suspects: this test{many}")
        self.summary.leaked(item.nodeid, leak)
        return as_leak(attempt, leak)

    def _reruns_are_anothers(self) -> bool:
        return bool(
            getattr(self.config.option, "reruns", None)
        ) and self.config.pluginmanager.has_plugin("rerunfailures")

    def _settled(self, item: pytest.Item, nextitem: pytest.Item | None) -> Attempt:
        """Return the attempt that counts."""
        gear = self._gear(item)
        if gear == "clone":
            return self._attempt_on_clone(item, nextitem)
        attempt = self._attempt(item, nextitem, gear)
        hard = attempt.first(SignalKind.HARD)
        if hard is not None:
            self._remember(item, "clone", hard)
            self.summary.changed(item.nodeid, hard)
            with self._timers.renewed(item):
                return self._attempt_on_clone(item, nextitem)
        leak = attempt.first(SignalKind.LEAK)
        if leak is not None:
            self.summary.leaked(item.nodeid, leak)
            return as_leak(attempt, leak)
        return self._second_opinion(item, nextitem, attempt)

    def _second_opinion(
        self, item: pytest.Item, nextitem: pytest.Item | None, attempt: Attempt
    ) -> Attempt:
        doubt = attempt.doubt
        if doubt is None or self._fixed == "rollback":
            return attempt
        if not attempt.failed and self._is_settled(item):
            self.summary.doubted(item.nodeid, doubt)
            return attempt
        if not attempt.failed and self.config.getoption("assay_confirm") == "later":
            self.later.put(item, doubt)
            return attempt
        with self._timers.renewed(item):
            other = self._attempt_on_clone(item, nextitem)
        if other.failed == attempt.failed:
            self._remember(item, "rollback", doubt, is_confirmed=not attempt.failed)
            return attempt
        self._remember(item, "clone", doubt)
        self.summary.changed(item.nodeid, doubt)
        return other

    def confirm(self, item: pytest.Item, nextitem: pytest.Item | None, doubt: Signal) -> None:
        """Run a test that passed with a doubt on a clone, and report it if it fails there."""
        with self._timers.renewed(item):
            attempt = self._attempt_on_clone(item, nextitem)
        self._kept.settle(item.nodeid, attempt.result.kept)
        gear: Gear = "clone" if attempt.failed else "rollback"
        self._remember(item, gear, doubt, is_confirmed=not attempt.failed)
        if not attempt.failed:
            return
        self.summary.changed(item.nodeid, doubt)
        self._tell_worker(item)
        for report in attempt.reports:
            if report.failed:
                report.sections.append(
                    ("assay", f"passed in the rollback gear, with a doubt: {doubt}")
                )
                item.ihook.pytest_runtest_logreport(report=report)

    def _tell_worker(self, item: pytest.Item) -> None:
        """Let an xdist worker know which test is reported: it thinks of the last one."""
        for plugin in self.config.pluginmanager.get_plugins():
            if type(plugin).__name__ == "WorkerInteractor":
                plugin.item_index = item.session.items.index(item)

    def _is_settled(self, item: pytest.Item) -> bool:
        if self.config.getoption("assay_confirm") == "never":
            return True
        known = self.choices.known(item.nodeid, _code(item))
        return known is not None and known.is_confirmed

    def _remember(
        self, item: pytest.Item, gear: Gear, signal: Signal, *, is_confirmed: bool = False
    ) -> None:
        self.choices.remember(
            item.nodeid, _code(item), gear, reason=str(signal), is_confirmed=is_confirmed
        )

    def _gear(self, item: pytest.Item) -> Gear:
        wanted: Gear | None = stated(item, "gear")
        if wanted is not None and not list(mistakes(item)):
            return wanted
        if self._fixed is not None:
            return self._fixed
        if not _CLONE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            return "clone"
        known = self.choices.known(item.nodeid, _code(item))
        return known.gear if known is not None else "rollback"

    def _attempt_on_clone(self, item: pytest.Item, nextitem: pytest.Item | None) -> Attempt:
        """Run a test again; shared fixtures that used a database are executed again for it."""
        if self.host.sandbox.has_shared_rows:
            self.layers.renew(item)
            nextitem = None
        return self._attempt(item, nextitem, "clone")

    def _attempt(self, item: pytest.Item, nextitem: pytest.Item | None, gear: Gear) -> Attempt:
        sandbox = self.host.sandbox
        if sandbox.layers_lost_by:
            self.layers.renew(item)
        results: list[Checkin] = []
        item.stash[_failed] = False

        def checkin() -> None:
            self.layers.test_is_over()
            keep = self._kept.are_wanted(item) and item.stash[_failed]
            results.append(sandbox.checkin(keep=keep))

        sandbox.checkout(item.nodeid, gear=gear)
        try:
            with contextlib.ExitStack() as stack:
                for around in self._around:
                    stack.enter_context(around(item))
                stack.enter_context(_checkin_after_fixtures(item, checkin, gear))
                reports = runtestprotocol(item, nextitem=nextitem, log=False)
        finally:
            if not results:
                checkin()
        result = results[0]
        outer = sandbox.take_outer_signals()
        if outer:
            signals = (*result.signals, *outer)
            result = Checkin(gear, signals, result.statements, result.messages, result.kept)
        self.summary.ran(item.nodeid, result)
        return Attempt(gear, reports, result)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Any:
        """Know of failures before the database is given back."""
        report: pytest.TestReport = yield
        if self.host.stands_back:
            return report
        if report.failed:
            item.stash[_failed] = True
        if call.excinfo is not None and _is_gear_change(call.excinfo.value):
            report.wasxfail = "gear change"  # keeps --pdb out
        return report

    # -- shared fixtures --------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Any:
        """Let what a shared fixture does outlive the test that asked first."""
        if self.host.stands_back:
            return (yield)
        with self.layers.around(fixturedef, request):
            return (yield)

    # -- the session ------------------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, config: pytest.Config, specs: Any) -> None:
        """Tell workers where they will find the server, once for all of them."""
        self.host.announce([str(spec.id) for spec in specs])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """Take over what a worker found out."""
        output = getattr(node, "workeroutput", None) or {}
        found = output.get("assay")
        if found:
            self.choices.changes.update(found["choices"])
            self.summary.merge(found["summary"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Keep what was found out."""
        self._kept.write()
        self.summary.counts["rebuilds"] += self.host.attachment.rebuilds
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            changes = self._choices.changes if self._choices else {}
            output["assay"] = {"choices": changes, "summary": self.summary.to_json()}
            return
        cache = getattr(self.config, "cache", None)
        if cache is not None and self._choices is not None and self._choices.changes:
            cache.set(_CACHE, {**cache.get(_CACHE, {}), **self._choices.changes})
        self.host.close_beside_workers()

    def pytest_report_header(self) -> str:
        """Say that we are here."""
        where = self.config.getini("assay_app") or "no app named"
        return f"assay: tests are isolated on a PostgreSQL of this run ({where})"

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was noticed, in one section, if anything was."""
        self.summary.write(terminalreporter, verbose=self.config.getoption("verbose") > 0)

    def pytest_unconfigure(self) -> None:
        """Stop what was started."""
        self.host.close()


@contextlib.contextmanager
def _checkin_after_fixtures(
    item: pytest.Item, checkin: Callable[[], None], gear: Gear
) -> Iterator[None]:
    """Check in when the test's own fixtures are torn down and shared ones are not yet."""
    if gear == "clone":
        yield
        return
    teardown = item.teardown

    def wrapped() -> None:
        try:
            teardown()
        finally:
            checkin()

    item.teardown = wrapped  # type: ignore[method-assign]  # undone below
    try:
        yield
    finally:
        del item.teardown


def _code(item: pytest.Item) -> str:
    return code_digest(getattr(item, "obj", None))


def _is_gear_change(error: BaseException) -> bool:
    return type(error).__name__ == "GearChangeError"
