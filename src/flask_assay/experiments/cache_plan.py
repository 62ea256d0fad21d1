"""The TTL plan of a cache: what each lifetime was predicted to give, and what a real cache gave.

The load is repeated on the data as they were before it: the requests that write and the cached
route's own, one by one in the order of the recording. Each request tells the cache what time it
was, so entries expire as they would have; the app's own answer at that moment says whether a hit
was stale. Where writes are refused that were done during the load, nothing gets stale that should:
then the plan says so instead of what was measured.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flask_assay.artifacts.request_trace import RouteTrace, TraceEntry
from flask_assay.artifacts.request_trace import replay as predict
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import UnavailableError, View
from flask_assay.errors import TargetError
from flask_assay.experiments.arms import BASE, ArmPlan
from flask_assay.experiments.correlation import Correlation, is_same_answer
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.interventions.response_cache import CLOCK_HEADER
from flask_assay.experiments.launch import Bench, Host
from flask_assay.experiments.replay import Answer, Client, SentRequest
from flask_assay.experiments.writes import writing_routes
from flask_assay.gather.lab import Copy, Lab
from flask_assay.load.transcript import Heard, Said, read_transcripts
from flask_assay.model.clock import Clock
from flask_assay.model.effect import CachePlan, CachePoint, is_stale_confirmed
from flask_assay.model.rows import RequestRow, SpanKind
from flask_assay.recording.reader import Recording

__all__ = ["TTLS_S", "cache_plans", "is_cached"]

TTLS_S = (1.0, 5.0, 15.0, 60.0)
_MOST_ROUTES = 4
_LEAST_REQUESTS = 12
_CACHES = frozenset({"response-cache", "invalidate-on-write"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_COUNT = "replay: {done} of {total} requests at caches, about {left:.0f} s left"


@dataclass(frozen=True, slots=True)
class _Event:
    """One request to repeat; ``plan`` is None if it is only there to write."""

    at_ns: int
    request: SentRequest
    plan: "_Plan | None" = None
    entry: TraceEntry | None = None
    heard: Heard | None = None


@dataclass(slots=True)
class _Plan:
    """One route under test, and what its caches did so far."""

    route: str
    remedy: Hypothesis
    is_per_identity: bool
    asked: int = 0
    writes: int = 0
    refused: int = 0
    entries: list[TraceEntry] = field(default_factory=list)
    hits: dict[float, int] = field(default_factory=dict)
    stale: dict[float, int] = field(default_factory=dict)

    def change(self, ttl_s: float) -> tuple[str, dict[str, object]]:
        """Return the cache of one lifetime."""
        parameters = self.remedy.remedy.parameters
        endpoint = parameters["endpoint"]
        return "response-cache", {
            "endpoint": endpoint, "ttl_s": ttl_s, "per_identity": self.is_per_identity,
        }  # fmt: skip

    def result(self) -> CachePlan:
        """Return prediction and measurement on the same requests."""
        count = len(self.entries)
        is_confirmed = is_stale_confirmed(self.writes, self.refused)
        trace = RouteTrace(tuple(self.entries), self.is_per_identity, "")
        points = []
        for ttl_s in TTLS_S:
            predicted = predict(trace, ttl_s)
            hits = self.hits.get(ttl_s, 0)
            points.append(
                CachePoint(
                    ttl_s=ttl_s,
                    predicted_hit_ratio=predicted.hit_ratio,
                    predicted_stale_ratio=predicted.stale_ratio,
                    hit_ratio=hits / count if count else 0.0,
                    stale_ratio=self.stale.get(ttl_s, 0) / (hits or 1) if is_confirmed else None,
                )
            )
        chosen = self.remedy.remedy.parameters.get("ttl_s")
        return CachePlan(
            route=self.route,
            is_per_identity=self.is_per_identity,
            chosen_ttl_s=None if chosen is None else float(str(chosen)),
            request_count=count,
            left_out_count=self.asked - count,
            write_count=self.writes,
            refused_write_count=self.refused,
            points=tuple(points),
        )


def is_cached(each: Hypothesis) -> bool:
    """Whether a remedy is a cache of answers, for which a plan can be made."""
    return each.remedy.intervention in _CACHES


def cache_plans(
    lab: Lab,
    recording: Recording,
    wanted: Sequence[Hypothesis],
    *,
    clock: Clock,
    budget_s: float,
    on_step: Callable[[str], None],
) -> tuple[CachePlan, ...]:
    """Repeat the load at real caches of several lifetimes.

    Uses up ``lab.initial``. When the time is over, what was repeated until then is compared with
    the prediction for the same requests.

    Args:
        lab: After a load; no target may be up.
        recording: Of that load.
        wanted: Remedies; those that are no caches are left aside.
        clock: Source of time.
        budget_s: Seconds for repeating requests.
        on_step: Told what is going on.
    """
    initial = lab.initial
    plans = _plans(recording, wanted) if initial is not None else []
    events = _events(recording, read_transcripts(lab.run.private), plans) if plans else []
    if initial is None or not any(event.plan for event in events):
        return ()
    on_step("replay: the load's own requests, at caches of several lifetimes")
    # the copy that the load left behind holds the sessions of its users
    home = Copy(initial, lab.copy_valkey())
    try:
        host = _boot(lab, home, plans, clock)
        try:
            _repeat(host.client, events, clock, budget_s, on_step)
        finally:
            host.stop()
    except TargetError as error:
        on_step(f"replay: {error.what}")  # costs the plan, and no remedy
    finally:
        lab.discard(home)
        lab.initial = None
    return tuple(each.result() for each in plans if len(each.entries) >= _LEAST_REQUESTS)


def _plans(recording: Recording, wanted: Sequence[Hypothesis]) -> list[_Plan]:
    try:
        readers = View(recording)[steady_state].identity_routes
    except UnavailableError:
        return []
    by_route: dict[str, _Plan] = {}
    for each in filter(is_cached, wanted):
        for route in sorted(each.routes):
            by_route.setdefault(route, _Plan(route, each, route in readers))
    return list(by_route.values())[:_MOST_ROUTES]


def _events(recording: Recording, said: Sequence[Said], plans: Sequence[_Plan]) -> list[_Event]:
    """Return what to repeat, in order: questions as they read, writes as they were done."""
    rows = {row.request_id: row for row in recording.requests if row.request_id}
    writing = writing_routes(recording)
    events = []
    for each in said:
        row = rows.get(each.request_id)
        if each.method not in _SAFE or (row is not None and row.route in writing):
            at_ns = each.start_ns if row is None else _written_ns(row)
            request = _request(each, row.route if row else "")
            events.append(_Event(at_ns, request, heard=each.heard))
    steady = View(recording)[steady_state]
    sent = {each.request_id: each for each in said}
    for plan in plans:
        rows_of = steady.by_route.get(plan.route, ())
        asked = [row for row in rows_of if row.status == 200 and row.body_digest]
        plan.asked = len(asked)
        events += _questions(plan, asked, sent)
    return sorted(events, key=lambda event: event.at_ns)


def _questions(
    plan: _Plan, rows: Iterable[RequestRow], sent: Mapping[int, Said]
) -> Iterable[_Event]:
    """Return the questions of one route; one reached by a redirect is put as another put it."""
    same: dict[tuple[int, int], Said] = {}
    for row in rows:
        if row.request_id in sent:
            same.setdefault((row.query_digest, row.identity_digest), sent[row.request_id])
    for row in rows:
        found = sent.get(row.request_id) or same.get((row.query_digest, row.identity_digest))
        if found is not None:
            identity = row.identity_digest if plan.is_per_identity else 0
            key = (row.query_digest, identity)
            entry = TraceEntry(row.start_ns / 1e9, key, row.body_digest, row.wall_ns / 1e9)
            yield _Event(_read_ns(row), _request(found, plan.route), plan, entry)


def _written_ns(row: RequestRow) -> int:
    """Return when others could see what a request wrote: its last commit, else its end."""
    commits = [span.start_ns + span.wall_ns for span in row.spans if span.kind == SpanKind.COMMIT]
    return max(commits, default=row.start_ns + row.wall_ns)


def _read_ns(row: RequestRow) -> int:
    """Return when a request read what it shows: as its longest statement began, else its own."""
    queries = [span for span in row.spans if span.kind == SpanKind.QUERY]
    longest = max(queries, key=lambda span: span.wall_ns, default=None)
    return row.start_ns if longest is None else longest.start_ns


def _request(said: Said, route: str) -> SentRequest:
    return SentRequest(route, said.method, said.path, said.headers, said.body, said.status)


def _boot(lab: Lab, home: Copy, plans: Sequence[_Plan], clock: Clock) -> Host:
    """Boot one process in which each lifetime is an arm, with a cache for each route."""
    changes = [(plan.change(ttl_s), ttl_s) for plan in plans for ttl_s in TTLS_S]
    routes = frozenset(plan.route for plan in plans)
    arms = [ArmPlan(BASE, (), routes, home.databases)]
    for ttl_s in TTLS_S:
        numbers = frozenset(at for at, (_, other) in enumerate(changes) if other == ttl_s)
        arms.append(ArmPlan(_arm(ttl_s), (), routes, home.databases, changes=numbers))
    bench = Bench(lab, home, tuple(change for change, _ in changes), tuple(arms), {}, clock)
    return Host(bench, arms)


def _arm(ttl_s: float) -> str:
    return f"ttl-{ttl_s:g}"


def _repeat(
    client: Client,
    events: Sequence[_Event],
    clock: Clock,
    budget_s: float,
    on_step: Callable[[str], None],
) -> None:
    begin = told = clock.monotonic_ns()
    correlation, done_again, refused = Correlation(), 0, 0
    for done, event in enumerate(events):
        now = clock.monotonic_ns()
        if now - begin > budget_s * 1e9:
            break
        if now - told > 2e9:
            told = now
            left = min(
                budget_s - (now - begin) / 1e9, (len(events) - done) * (now - begin) / 1e9 / done
            )
            on_step(_COUNT.format(done=done, total=len(events), left=left))
        request = correlation.translate(event.request)
        if event.plan is None or event.entry is None:
            answer = client.send(request, arm=BASE)
            if event.heard is not None:
                correlation.learn(event.request.path, event.heard, answer)
            is_same = _is_same(event, answer)
            refused += not is_same
            done_again += is_same and 0 < answer.status < 400
        else:
            _ask(client, request, event.plan, event.entry)
            event.plan.writes, event.plan.refused = done_again, refused


def _is_same(event: _Event, answer: Answer) -> bool:
    if event.heard is not None:
        return is_same_answer(event.heard, answer)
    # only the status after redirects is known, and none if nobody waited for the answer
    known = event.request.status
    return bool(answer.status) and (not known or known // 400 == answer.status // 400)


def _ask(client: Client, request: SentRequest, plan: _Plan, entry: TraceEntry) -> None:
    """Ask every cache, and the app itself unless one of them had to."""
    timed = SentRequest(
        request.route, request.method, request.path,
        (*request.headers, (CLOCK_HEADER, repr(entry.at_s))), request.body, request.status,
    )  # fmt: skip
    answers = {ttl_s: client.send(timed, arm=_arm(ttl_s)) for ttl_s in TTLS_S}
    truth = next((each for each in answers.values() if not each.is_hit), None)
    truth = truth or client.send(request, arm=BASE)
    if truth.status != 200:
        return  # the app itself no longer answers it
    plan.entries.append(entry)
    for ttl_s, answer in answers.items():
        if answer.is_hit:
            plan.hits[ttl_s] = plan.hits.get(ttl_s, 0) + 1
            plan.stale[ttl_s] = plan.stale.get(ttl_s, 0) + _is_stale(answer, truth)


def _is_stale(answer: Answer, truth: Answer) -> bool:
    return answer.body != truth.body
