"""The process that profiles one request: load the app, send the request again and again.

Run as ``python -m flask_assay.gather.inside.profile_request``, with the request in
``REQUEST`` of the private directory; the answer is written to ``ANSWER`` beside it. In turn:
one request that warms up, one whose statements are counted, requests that are sampled (wall time,
nearly no cost), requests that are traced with cProfile (every call counted, everything slower).
"""

import cProfile
import json
import signal
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

from flask_assay import probe
from flask_assay.gather.inside.leaving import leave
from flask_assay.gather.inside.loading import attach_routing, load_app
from flask_assay.gather.inside.target_plan import TargetPlan
from flask_assay.probe.call_sites import FOREIGN, CallSites
from flask_assay.probe.plan import ProbePlan
from flask_assay.probe.stacks import FRAME_PREFIX, Stacks, package_of
from flask_assay.probe.work import Work
from flask_assay.routing.engines import EngineRouter

__all__ = ["ANSWER", "REQUEST", "main"]

REQUEST, ANSWER = "profile-request.json", "profile-answer.json"
INTERVAL_S = 0.001
MOST_FUNCTIONS = 60
_OURS = str(Path(__file__).parents[2])
_SIGNAL = signal.SIGALRM


def main() -> None:
    """Profile the request of this process's plan."""
    plan = TargetPlan.read()
    private = Path(plan.private)
    wanted = json.loads((private / REQUEST).read_text(encoding="utf-8"))
    try:
        attach_routing(plan, EngineRouter(plan.route))
        app = load_app(plan)
        answer = _profile(app, plan, wanted)
    except BaseException as error:  # noqa: BLE001 - sys.exit in the app is one of the cases
        answer = _failure(error)
    (private / ANSWER).write_text(json.dumps(answer), encoding="utf-8")
    leave(0)


def _failure(error: BaseException) -> dict[str, Any]:
    told = {"error": f"{type(error).__name__}: {error}"[:4000]}
    return told | {"traceback": traceback.format_exc()[-40000:]}


def _profile(app: Any, plan: TargetPlan, wanted: dict[str, Any]) -> dict[str, Any]:
    client = _Client(app, wanted)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    first = client.send()
    if first["status"] >= 400:
        return {"refused": first}
    statements = _count_statements(plan, client)
    sampled = _sample(plan, client, wanted["repeat"])
    traced = _trace(plan, client, wanted["repeat"])
    return {
        "route": client.route,
        "statuses": client.statuses,
        "body_bytes": client.body_bytes,
        "statements": statements,
        **sampled,
        **traced,
    }


class _Client:
    """Sends the one request to the app, as a server would."""

    def __init__(self, app: Any, wanted: dict[str, Any]) -> None:
        self._app = app
        self._wanted = wanted
        self._base = f"http://{app.config.get('SERVER_NAME') or 'localhost'}"
        self.statuses: dict[str, int] = {}
        self.body_bytes = 0
        self.route = ""

    def send(self, call: Callable[..., Any] | None = None) -> dict[str, Any]:
        """Send it once; return its status and its route, "" if none matched."""
        from werkzeug.test import EnvironBuilder

        wanted = self._wanted
        head: list[Any] = []
        builder = EnvironBuilder(
            wanted["path"],
            self._base,
            method=wanted["method"],
            headers=[tuple(pair) for pair in wanted["headers"]],
            data=wanted["data"].encode() if wanted["data"] is not None else None,
        )
        environ = builder.get_environ()
        builder.close()

        def start_response(status: str, headers: Any, _error: Any = None) -> Any:
            # Flask lets go of the request before it is closed.
            rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
            self.route = f"{wanted['method']} {rule.rule}" if rule is not None else ""
            head[:] = [status, headers]
            return lambda data: None

        self.body_bytes = (call or _serve)(self._app, environ, start_response)
        status = str(head[0]).split(" ", 1)[0]
        self.statuses[status] = self.statuses.get(status, 0) + 1
        return {"status": int(status), "route": self.route}


def _serve(app: Any, environ: Any, start_response: Any) -> int:
    body = app(environ, start_response)
    try:
        return sum(map(len, body))
    finally:
        if hasattr(body, "close"):
            body.close()


def _count_statements(plan: TargetPlan, client: _Client) -> int:
    wanted = ProbePlan(
        Path(plan.recording),
        Path(plan.directory),
        sensors=("requests", "queries"),
        call_sites=False,
    )
    probe.attach(wanted)
    client.send()
    attached = probe.attached()
    count = attached.recorder.counts.queries if attached is not None else 0
    probe.detach()
    return count


def _sample(plan: TargetPlan, client: _Client, repeat: int) -> dict[str, Any]:
    """Send requests under a timer of wall time."""
    sampler = _WallSampler(CallSites(Path(plan.directory), lambda _: 0), "request")
    durations, cpu = [], 0
    sampler.start()
    try:
        for _ in range(repeat):
            begin, begin_cpu = time.perf_counter(), time.process_time_ns()
            sampler.begin()
            client.send(sampler.serve)
            durations.append(time.perf_counter() - begin)
            cpu += time.process_time_ns() - begin_cpu
    finally:
        sampler.stop()
    return {
        "durations_s": durations,
        "cpu_s": cpu / 1e9 / repeat,
        "stacks": sampler.stacks.take(),
        "sample_count": sampler.stacks.samples,
    }


class _WallSampler:
    """Samples the main thread by time that passes, waits included."""

    def __init__(self, sites: CallSites, label: str) -> None:
        self.stacks = Stacks(sites)
        self._work = Work()
        self._work.endpoint = label
        self._last = 0.0
        self._is_on = False
        # Stacks are cut at the frame with this name.
        function = _serve
        assert isinstance(function, FunctionType)
        named = function.__code__.replace(co_name=FRAME_PREFIX + label)
        self._call = FunctionType(named, function.__globals__)

    def start(self) -> None:
        """Start the timer."""
        signal.signal(_SIGNAL, self._on_signal)
        signal.siginterrupt(_SIGNAL, False)  # noqa: FBT003 - C libraries see no EINTR
        signal.setitimer(signal.ITIMER_REAL, INTERVAL_S, INTERVAL_S)

    def stop(self) -> None:
        """Stop the timer."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(_SIGNAL, signal.SIG_IGN)

    def begin(self) -> None:
        """Forget the time since the last request."""
        self._last = time.perf_counter()

    def serve(self, app: Any, environ: Any, start_response: Any) -> int:
        """Serve a request whose samples count."""
        self._is_on = True
        try:
            return int(self._call(app, environ, start_response))
        finally:
            self._is_on = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._is_on:
            return
        self._is_on = False  # a signal may come while this one is handled
        now = time.perf_counter()
        self.stacks.add(frame, self._work, int((now - self._last) * 1e6))
        self._last = now
        self._is_on = True


def _trace(plan: TargetPlan, client: _Client, repeat: int) -> dict[str, Any]:
    """Send requests under cProfile."""
    profiler = cProfile.Profile()

    def serve(app: Any, environ: Any, start_response: Any) -> int:
        profiler.enable()
        try:
            return _serve(app, environ, start_response)
        finally:
            profiler.disable()

    begin = time.perf_counter()
    for _ in range(repeat):
        client.send(serve)
    took = (time.perf_counter() - begin) / repeat
    sites = CallSites(Path(plan.directory), lambda _: 0)
    entries: Iterable[Any] = profiler.getstats()
    rows = [_row(entry, sites, repeat) for entry in entries if not _is_ours(entry.code)]
    rows.sort(key=lambda row: -row["own_s"])
    return {"traced_s": took, "functions": rows[:MOST_FUNCTIONS]}


def _is_ours(code: Any) -> bool:
    return code.co_filename.startswith(_OURS) if isinstance(code, CodeType) else "_lsprof" in code


def _row(entry: Any, sites: CallSites, repeat: int) -> dict[str, Any]:
    name, place = str(entry.code), ""
    if isinstance(entry.code, CodeType):
        file, name = entry.code.co_filename, entry.code.co_qualname
        place = f"{sites.relative(file)}:{entry.code.co_firstlineno}"
        if sites.kind(file) == FOREIGN:
            place = package_of(file)
    return {
        "name": name,
        "place": place,
        "call_count": entry.callcount / repeat,
        "own_s": entry.inlinetime / repeat,
        "total_s": entry.totaltime / repeat,
    }


if __name__ == "__main__":
    main()
