"""What does the probe add to a request and to a query, and what do its peers?

    python benchmarks/probe_overhead.py [--rounds 30] [--launches 3] [--requests 100]
        [--no-postgres] [--toggled 6]

Peers: `pip install -r requirements/benchmarks.txt`; one that is missing is left out and named.

Each contestant is a process of its own with the same app, launched anew a few times: where
its objects happen to lie decides a microsecond or two. Rounds are interleaved: in each, every
contestant serves a few requests in turn, in random order, so that a busy machine is busy for all.
Time is the CPU time of the whole process (exporter threads included), since the waits of a busy
machine are nobody's cost. What a contestant has yet to write is written within its turn, where it
can be told to, so that nothing is done off the clock.

Three views: one without a query, one with 3 and one with 30, these on one connection each. So the
cost of a query is (30-query view - 3-query view) / 27, and that of borrowing a connection and
ending its transaction, which each view pays once, is what remains of the 3-query view. "share of
3" divides that view by its queries, borrowing included.

"probe" is what this environment has: compiled hot paths, if they were built (the first line says
so); "probe, plain Python" goes without them.

Shown: the median over rounds of what was added to "nothing" in the same round, and the quartiles
of that. "nothing, again" is what the noise alone looks like.

Two processes differ by microseconds of their own, so the probe is also measured against itself
(--toggled): one process, its sensors switched on and off in turns of a few hundred requests, what
was recorded written within the turn. The figure of a launch is the midmean of the paired
differences; shown are their mean over launches and its 95 % interval (Student). Off means that
the hooks are in place and only pass calls on.
"""

import argparse
import contextlib
import gc
import importlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from flask_assay.probe.compilation import COMPILED  # noqa: E402 - of the tree
from flask_assay.stats.intervals import mean_interval  # noqa: E402
from flask_assay.stats.location import midmean  # noqa: E402

VIEWS = {"hello": 0, "few": 3, "many": 30}  # view: its queries
SHARES = {"hello": 1.0, "few": 0.6, "many": 0.2}  # of --requests, in a round
TOGGLED = {  # view: pairs of turns of a launch, requests of a turn
    "hello": (100, 200),
    "few": (60, 30),
    "many": (60, 8),
}
GOALS = "goals: a request 5, a query 2 without call sites and 8 with"
SLOW = {"Sentry": 0.4, "flask-profiler": 0.2, "werkzeug profiler": 0.1}  # take a share of that
MEMORY_LIMIT_MB = 16


# Contestants: each prepares its process before the app exists; what it returns gets the app.
# What it puts into `settle` writes what is pending.

settle = []


def nothing(_work):
    return None


def probe(work, **changes):
    from flask_assay.probe import ProbePlan, attach

    settle.append(attach(ProbePlan(work, Path(__file__).parent, **changes)).flush)


def probe_without_sites(work):
    probe(work, call_sites=False)


def probe_every_site(work):
    probe(work, call_site_every=1)


def probe_in_python(work):
    from flask_assay.probe.sensors import queries, requests

    queries.COMPILED = requests.COMPILED = None
    probe(work, call_sites=False)


def probe_with_stacks(work):
    probe(work, stacks=True)


def opentelemetry(_work):
    from opentelemetry import trace
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    class Forgetting(InMemorySpanExporter):
        def export(self, spans):
            done = super().export(spans)
            self.clear()
            return done

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Forgetting()))
    trace.set_tracer_provider(provider)
    settle.append(provider.force_flush)

    def after(app, engine):
        FlaskInstrumentor().instrument_app(app)
        # It declines SQLAlchemy 2.1 by its number, and then records no query at all.
        SQLAlchemyInstrumentor().instrument(engine=engine, skip_dep_check=True)

    return after


def sentry(_work):
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Nowhere(Transport):
        def capture_envelope(self, envelope):
            envelope.serialize()

    sentry_sdk.init(
        dsn="http://key@127.0.0.1:1/1", traces_sample_rate=1.0, transport=Nowhere, debug=False
    )


def prometheus(_work):
    from prometheus_flask_exporter import PrometheusMetrics

    return lambda app, _engine: PrometheusMetrics(app)


def profiler(work):
    import flask_profiler

    def after(app, _engine):
        file = Path("/dev/shm" if Path("/dev/shm").is_dir() else work) / f"{os.getpid()}.sqlite"
        app.config["flask_profiler"] = {
            "enabled": True,
            "storage": {"engine": "sqlite", "FILE": str(file)},
        }
        flask_profiler.init_app(app)
        import atexit

        atexit.register(file.unlink, missing_ok=True)

    return after


def werkzeug_profiler(_work):
    from werkzeug.middleware.profiler import ProfilerMiddleware

    def after(app, _engine):
        app.wsgi_app = ProfilerMiddleware(app.wsgi_app, stream=None)

    return after


CONTESTANTS = {
    "nothing": nothing,
    "nothing, again": nothing,
    "probe": probe_without_sites,
    "probe, plain Python": probe_in_python,
    "probe + call sites": probe,
    "probe + every call site": probe_every_site,
    "probe + call sites + stacks": probe_with_stacks,
    "OpenTelemetry": opentelemetry,
    "Sentry": sentry,
    "prometheus-flask-exporter": prometheus,
    "flask-profiler": profiler,
    "werkzeug profiler": werkzeug_profiler,
}


# The process of a contestant: reads "scenario count", answers with the CPU seconds that it took.


def make_app(url):
    from flask import Flask
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import QueuePool

    app = Flask("bench")
    engine = create_engine(url, poolclass=QueuePool)
    statement = text("SELECT id, name FROM things WHERE id = :id")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS things (id INTEGER, name TEXT)"))

    @app.get("/hello")
    def hello():
        return "hello"

    def query(count):
        with engine.connect() as connection:
            for i in range(count):
                connection.execute(statement, {"id": i}).all()
        return "done"

    @app.get("/few")
    def few():
        return query(VIEWS["few"])

    @app.get("/many")
    def many():
        return query(VIEWS["many"])

    return app, engine


def serve_requests(name, url):
    with tempfile.TemporaryDirectory() as work:
        after = CONTESTANTS[name](Path(work))
        app, engine = make_app(url)
        if after is not None:
            after(app, engine)
        answer_commands(app)


def answer_commands(app):
    from werkzeug.test import EnvironBuilder

    environs = {name: EnvironBuilder(f"/{name}").get_environ() for name in VIEWS}
    started = []

    def start_response(status, _headers, _exc_info=None):
        started.append(status)

    print("ready", flush=True)
    for line in sys.stdin:
        scenario, count = line.split()
        environ = environs[scenario]
        gc.collect()
        begin = time.process_time()
        for _ in range(int(count)):
            body = app(dict(environ), start_response)
            for _chunk in body:
                pass
            close = getattr(body, "close", None)
            if close is not None:
                close()
        for write in settle:
            write()
        took = time.process_time() - begin
        assert set(started) == {"200 OK"}, set(started)
        started.clear()
        print(took, flush=True)


def toggle(name, url):
    """Print {view: microseconds that the sensors add to a request} of this process."""
    from flask_assay.probe import attached

    with tempfile.TemporaryDirectory() as work:
        CONTESTANTS[name](Path(work))
        app, _engine = make_app(url)
        probe = attached()
        turns = {view: turns_of(app, probe, view) for view in VIEWS}
        for view, (_pairs, requests) in TOGGLED.items():
            turns[view](True, requests * 2)  # the first ones warm up
        gc.collect()
        gc.freeze()
        added_us = {}
        for view, (pairs, requests) in TOGGLED.items():
            found = []
            for number in range(pairs):
                order = (True, False) if number % 2 else (False, True)
                took = {is_on: turns[view](is_on, requests) for is_on in order}
                found.append(took[True] - took[False])
            added_us[view] = midmean(found)
        assert not any(switch.errors for switch in probe.recorder.switches.values())
    print(json.dumps(added_us))


def turns_of(app, probe, view):
    """Return what serves some requests with the sensors on or off: microseconds of one."""
    from werkzeug.test import EnvironBuilder

    environ = EnvironBuilder(f"/{view}").get_environ()
    switches = probe.recorder.switches.values()

    def start_response(_status, _headers, _exc_info=None):
        pass

    def turn(is_on, count):
        for switch in switches:
            switch.on = is_on
        begin = time.process_time()
        for _ in range(count):
            body = app(dict(environ), start_response)
            for _chunk in body:
                pass
            body.close()
        if is_on:
            probe.flush()
        return (time.process_time() - begin) / count * 1e6

    return turn


class Contestant:
    def __init__(self, name, url):
        command = [sys.executable, __file__, "--serve", name, "--url", url]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.name = name
        self.share = SLOW.get(name, 1.0)

    def wait_until_ready(self):
        """Return the reason why it cannot take part, None if it can."""
        if self.process.stdout.readline().strip() == "ready":
            return None
        error = self.process.communicate()[1].strip().splitlines()
        return error[-1] if error else "it ended at once"

    def run(self, scenario, count):
        """Return the microseconds of CPU that a request took."""
        count = max(1, round(count * SHARES[scenario] * self.share))
        self.process.stdin.write(f"{scenario} {count}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline()) / count * 1e6

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
        self.process.stderr.close()


# The comparison.


def compare(url, options):
    """Return {name: {scenario: [µs per round]}} and {name: why it is missing}."""
    times = {name: {view: [] for view in VIEWS} for name in CONTESTANTS}
    missing = {}
    for launch in range(options.launches):
        launch_all(url, options, random.Random(launch), times, missing)
    return {name: found for name, found in times.items() if name not in missing}, missing


def launch_all(url, options, dice, times, missing):
    """Add the rounds of one launch of each contestant to ``times``."""
    contestants = []
    for name in CONTESTANTS:
        if name in missing:
            continue
        contestant = Contestant(name, url)
        reason = contestant.wait_until_ready()
        if reason is None:
            contestants.append(contestant)
        else:
            missing[name] = reason
    try:
        for number in range(max(1, options.rounds // options.launches) + 2):
            for scenario in VIEWS:
                dice.shuffle(contestants)
                for contestant in contestants:
                    took = contestant.run(scenario, options.requests)
                    if number >= 2:  # the first ones warm up
                        times[contestant.name][scenario].append(took)
    finally:
        for contestant in contestants:
            contestant.stop()


def added(times, name):
    """Return per round what was added: {view: [µs]} and the costs that follow from these."""
    base = times["nothing"]
    more = {
        view: [mine - theirs for mine, theirs in zip(times[name][view], base[view], strict=True)]
        for view in VIEWS
    }
    rounds = list(zip(more["hello"], more["few"], more["many"], strict=True))
    few, many = VIEWS["few"], VIEWS["many"]
    query = [(c - b) / (many - few) for _, b, c in rounds]
    return more | {
        "query": query,
        "borrowing": [b - a - few * q for (a, b, _), q in zip(rounds, query, strict=True)],
        "share": [(b - a) / few for a, b, _ in rounds],
    }


def compare_toggled(url, launches):
    """Print what the probe adds to the same process without it."""
    print(f"\nswitched on and off in one process, µs added, {launches} launches; {GOALS}:")
    for name in (each for each in CONTESTANTS if each.startswith("probe") and "stacks" not in each):
        requests, queries = [], []
        for _ in range(launches):
            command = [sys.executable, __file__, "--toggle", name, "--url", url]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found = json.loads(said)
            requests.append(found["hello"])
            queries.append((found["many"] - found["few"]) / (VIEWS["many"] - VIEWS["few"]))
        cells = "".join(
            f"   a {what} {each.point:+5.2f} [{each.low:+.2f}, {each.high:+.2f}]"
            for what, each in (
                ("request", mean_interval(requests, level=0.95)),
                ("query", mean_interval(queries, level=0.95)),
            )
        )
        print(f"{name:26}{cells}", flush=True)


def cell(values):
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:+9.1f} {f'[{low:+.1f}, {high:+.1f}]':18}"


def print_table(title, times, missing):
    plain = {view: statistics.median(times["nothing"][view]) for view in VIEWS}
    views = ", ".join(f"{VIEWS[view]} queries {plain[view]:.0f} µs" for view in VIEWS)
    print(f"\n{title}, without anything: {views}; added, in µs:")
    heads = ("a request", "a query", "a borrowing", "share of 3")
    print(f"{'':26}" + "".join(f"{head:>11} {'quartiles':16}" for head in heads) + "hello")
    own = statistics.median(added(times, "probe")["hello"])
    for name in CONTESTANTS:
        if name == "nothing":
            continue
        if name not in times:
            print(f"{name:26}did not run: {missing[name][:90]}")
            continue
        found = added(times, name)
        cells = "".join(cell(found[key]) for key in ("hello", "query", "borrowing", "share"))
        hello = statistics.median(found["hello"])
        print(f"{name:26}{cells} {1 + hello / plain['hello']:5.2f}x = {hello / own:.1f} probes")


@contextlib.contextmanager
def databases(options, work):
    """Yield {title: SQLAlchemy URL}."""
    found = {"SQLite": f"sqlite:///{work}/bench.db"}
    with contextlib.ExitStack() as stack:
        if options.postgres:
            try:
                services = importlib.import_module("flask_assay.services.postgres")
                run_dir = importlib.import_module("flask_assay.services.run_dir")
                supervision = importlib.import_module("flask_assay.services.supervisor")
                run = stack.enter_context(run_dir.RunDirectory.create(Path(work) / "s"))
                supervisor = stack.enter_context(supervision.Supervisor(run))
                server = services.provision_postgres(supervisor, purpose="measured")
                found["PostgreSQL"] = server.url(server.create_database("bench"), driver="psycopg2")
            except Exception as error:
                print(f"PostgreSQL is left out: {type(error).__name__}: {error}")
        yield found


# Memory: what a worker holds after so many distinct URLs and statements.


def resident_mb():
    text = Path("/proc/self/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def measure_memory(count):
    """Print the growth of a process that saw so many distinct URLs and statements."""
    from flask import Flask
    from sqlalchemy.engine.default import DefaultDialect

    from flask_assay.probe import ProbePlan, attach, detach

    class Cursor:
        rowcount = 1

        def execute(self, *_):
            pass

    app = Flask("bench")
    app.wsgi_app = lambda environ, start_response: start_response("404 NOT FOUND", []) or []
    dialect, cursor = DefaultDialect(), Cursor()
    start_response = lambda *_: None  # noqa: E731
    with tempfile.TemporaryDirectory() as work:
        attach(ProbePlan(Path(work), Path(__file__).parent, digests=True))
        before = None
        for i in range(count):
            environ = {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": f"/things/{i}/and/more",
                "QUERY_STRING": f"q={i}",
            }
            app(environ, start_response)
            statement = f"SELECT column_{i} FROM table_{i} WHERE id = {i} AND name = 'name {i}'"
            dialect.do_execute(cursor, statement, {"id": i}, None)
            if i == 200:  # what any worker has after its first requests
                gc.collect()
                before = resident_mb()
        gc.collect()
        grown = resident_mb() - before
        detach()
        size = sum(file.stat().st_size for file in Path(work).iterdir()) / 2**20
    verdict = "within" if grown <= MEMORY_LIMIT_MB else "OVER"
    print(
        f"\nmemory: {grown:.1f} MB more after {count:,} distinct URLs and statements"
        f" ({verdict} the limit of {MEMORY_LIMIT_MB} MB); recording {size:.0f} MB"
    )


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30, help="beside the peers; 0 for none")
    parser.add_argument("--launches", type=int, default=3, help="the rounds are divided by these")
    parser.add_argument("--requests", type=int, default=100, help="of a scenario in a round")
    parser.add_argument("--no-postgres", dest="postgres", action="store_false")
    parser.add_argument("--memory", type=int, default=1_000_000, help="distinct URLs; 0 for none")
    parser.add_argument("--toggled", type=int, default=6, help="launches; 0 for none")
    parser.add_argument("--toggle", help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--only-memory", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv=None):
    options = parse(argv)
    if options.serve:
        serve_requests(options.serve, options.url)
        return
    if options.toggle:
        toggle(options.toggle, options.url)
        return
    if options.only_memory:
        measure_memory(options.memory)
        return
    print(
        json.dumps(
            {
                "python": sys.version.split()[0],
                "compiled": COMPILED is not None,
                "rounds": options.rounds,
                "launches": options.launches,
                "requests": options.requests,
                "cpus": os.cpu_count(),
                "load": os.getloadavg(),
            }
        )
    )
    with tempfile.TemporaryDirectory(prefix="pb-") as work:
        Path(work).chmod(0o711)
        if options.toggled > 1:
            compare_toggled(f"sqlite:///{work}/toggled.db", options.toggled)
        if options.rounds:
            with databases(options, work) as found:
                for title, url in found.items():
                    print_table(title, *compare(url, options))
                    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
                    print(f"load averages of the machine (its own share is 1): {load}", flush=True)
    if options.memory:
        command = [sys.executable, __file__, "--only-memory", "--memory", str(options.memory)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
