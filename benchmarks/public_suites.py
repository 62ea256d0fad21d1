"""A suite that somebody else wrote: the same tests on its own database set-up and in the sandbox.

    python -m benchmarks.public_suites plan.toml [--rounds 3] [--no-wire]

Nothing of a suite lives here: a plan names directories, each a checkout of the project, the
sandbox's with the database part of its conftest deleted.

    name = "shop"
    python = "/path/to/venv/bin/python"           # with the project's packages and flask-assay
    command = ["-m", "pytest", "-q", "tests"]

    [arms.theirs]                                  # the first arm is what others are compared to
    directory = "/path/to/checkout"
    postgres = true                                # gets a new, empty database in each run
    env = { DATABASE_URL = "{url}" }               # {url} {host} {port} {user} {database}

    [arms.ours]
    directory = "/path/to/checkout-without-its-database-set-up"
    sandbox = true
    env = { ASSAY = "1" }

Prints: the outcome of each test that differs; the time of each arm, whole process, taken in turn
in one run; and what goes over the wire per test and transaction. There the yardstick is the same
suite with every test on a clone, which is what production sends.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree as ET
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from flask_assay.services.postgres import provision_postgres
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor

HERE = Path(__file__).resolve().parent
LIMIT_S = 1800
SHOWN = 40


@dataclass
class Arm:
    """One way to run the suite."""

    name: str
    directory: str
    arguments: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    postgres: bool = False
    sandbox: bool = False
    times: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    in_tests: list[float] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    changed: Counter = field(default_factory=Counter)


class Bench:
    """Runs the arms of one plan."""

    def __init__(self, plan, postgres, scratch, cache):
        self.plan, self._postgres, self._scratch, self._cache = plan, postgres, scratch, cache
        self._numbers = iter(range(10_000))
        self.arms = [Arm(name, **values) for name, values in plan["arms"].items()]

    def run(self, arm, *arguments, env=None):
        """Run the suite once; return its junit file, its seconds and its CPU's."""
        number = next(self._numbers)
        junit = self._scratch / f"{number}.xml"
        command = [
            self.plan["python"],
            *self.plan["command"],
            *arm.arguments,
            f"--junit-xml={junit}",
            "-o",
            f"cache_dir={self._scratch / f'cache-{arm.name}'}",
            *arguments,
        ]
        database, names = None, {}
        if arm.postgres:
            database = self._postgres.create_database(f"suite_{number}")
            names = self._names(database)
        chosen = {key: value.format_map(names) for key, value in arm.env.items()}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        done = subprocess.run(
            command,
            cwd=arm.directory,
            env={**os.environ, "XDG_CACHE_HOME": str(self._cache), **chosen, **(env or {})},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        seconds = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if not junit.exists() or done.stderr.startswith("Traceback"):
            said = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            sys.exit(f"{arm.name}: pytest did not end as it should\n{said}")
        if database is not None:
            self._postgres.disconnect(database)
            self._postgres.drop_database(database)
        return junit, seconds, cpu

    def _names(self, database):
        host, port, user = database.socket_dir, database.port, database.user
        return {
            "url": f"postgresql://{user}@/{database.name}?host={host}&port={port}",
            "host": host,
            "port": port,
            "user": user,
            "database": database.name,
        }

    def time(self, rounds):
        """Run the arms in turn; the sandbox first once more, uncounted: it keeps a template."""
        for number in range(-1 if rounds else 0, max(1, rounds)):
            for arm in self.arms:
                if number < 0 and not arm.sandbox:
                    continue
                junit, seconds, cpu = self.run(arm)
                outcomes, messages, in_tests = read(junit)
                if arm.outcomes:
                    arm.changed.update(
                        name
                        for name in {*outcomes, *arm.outcomes}
                        if outcomes.get(name) != arm.outcomes.get(name)
                    )
                arm.outcomes, arm.messages = outcomes, messages
                if number >= 0:
                    arm.times.append(seconds)
                    arm.cpu.append(cpu)
                    arm.in_tests.append(in_tests)
                print(f"  {arm.name:<22}{seconds:8.1f} s{cpu:8.1f} s CPU", flush=True)

    def run_rest(self):
        """Run the arms that have no outcomes yet."""
        for arm in self.arms:
            if not arm.outcomes:
                junit, _, _ = self.run(arm)
                arm.outcomes, arm.messages, _ = read(junit)

    def wire(self, arm, *arguments):
        """Return what each test sent; the outcomes are the arm's if it has none."""
        path = self._scratch / "counts.json"
        path.unlink(missing_ok=True)
        env = {"WIRE_COUNT": str(path), "PYTHONPATH": str(HERE)}
        junit, _, _ = self.run(arm, "-p", "wire_count", *arguments, env=env)
        outcomes, messages, _ = read(junit)
        if not arm.outcomes:
            arm.outcomes, arm.messages = outcomes, messages
        others = sorted(
            name
            for name in {*outcomes, *arm.outcomes}
            if outcomes.get(name) != arm.outcomes.get(name)
        )
        for name in others:
            print(f"  {' '.join(arguments)}: {name}: {arm.outcomes.get(name)} elsewhere, ", end="")
            print(f"{outcomes.get(name)} here: {messages.get(name, '')[:160]}")
        return json.loads(path.read_text())


def read(junit):
    """Return outcome and message per test, and the seconds that all of them took."""
    outcomes, messages, seconds = {}, {}, 0.0
    for case in ET.parse(junit).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        seconds += float(case.get("time") or 0)
        found = next((one for one in case if one.tag in {"failure", "error", "skipped"}), None)
        outcome = "passed" if found is None else found.tag
        if outcomes.get(name, "passed") == "passed":
            outcomes[name] = outcome
            messages[name] = "" if found is None else (found.get("message") or "").split("\n")[0]
    return outcomes, messages, seconds


def show_outcomes(arms):
    """Print the outcomes of every arm, and each that differs from the first arm's."""
    first = arms[0]
    print(f"\n{'outcomes':<22}{'tests':>7}  ")
    for arm in arms:
        counts = Counter(arm.outcomes.values())
        text = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        unsteady = f"  ({len(arm.changed)} changed from round to round)" if arm.changed else ""
        print(f"{arm.name:<22}{len(arm.outcomes):>7}  {text}{unsteady}")
    for arm in arms[1:]:
        names = sorted({*first.outcomes, *arm.outcomes})
        others = [one for one in names if first.outcomes.get(one) != arm.outcomes.get(one)]
        print(f"\n{arm.name}: {len(others)} of {len(names)} outcomes differ from {first.name}")
        for name in others[:SHOWN]:
            print(f"  {name}: {first.outcomes.get(name)} -> {arm.outcomes.get(name)}")
            print(f"      {(arm.messages.get(name) or first.messages.get(name) or '')[:160]}")


def show_times(arms):
    """Print the times of each arm as ratios to the last one's in the same round.

    The first is of the whole process: imports, and in the sandbox starting and stopping a server,
    which the others are given. The second is of the tests alone, set-up and tear-down included. CPU
    is that of pytest's process and of what it waited for: a server of ours included, another not.
    """
    for name in ("times", "in_tests", "cpu"):
        ours = getattr(arms[-1], name)
        print(f"\n{name:<22}{'median s':>10}{'x ' + arms[-1].name:>12}{'lowest':>9}{'highest':>9}")
        for arm in arms:
            ratios = [a / b for a, b in zip(getattr(arm, name), ours, strict=True)]
            print(
                f"{arm.name:<22}{statistics.median(getattr(arm, name)):>10.1f}"
                f"{statistics.median(ratios):>12.2f}{min(ratios):>9.2f}{max(ratios):>9.2f}"
            )


def show_wire(bench):
    """Print what is sent per test and per transaction, beside what real connections send."""
    print(
        f"\n{'round trips':<26}{'tests':>7}{'app':>9}{'own':>9}{'connects':>9}{'set up':>9}"
        f"{'a test':>9}"
    )
    for arm in bench.arms:
        if arm.sandbox:
            gears = {
                gear: bench.wire(arm, f"--assay-gear={gear}", "--assay-confirm=never")
                for gear in ("clone", "rollback")
            }
            for gear, counts in gears.items():
                line(f"{arm.name}, {gear}", counts)
            compare(gears["clone"], gears["rollback"])
        elif arm.postgres:
            line(arm.name, bench.wire(arm))


def line(name, counts):
    tests = {test: one for test, one in counts.items() if test}
    total = sum((Counter(one) for one in tests.values()), Counter())
    connects = total["app connected"] + total["own connected"]
    set_up = total["app set up"] + total["own set up"]
    trips = total["app"] + total["own"] + connects + set_up
    print(
        f"{name:<26}{len(tests):>7}{total['app']:>9}{total['own']:>9}"
        f"{connects:>9}{set_up:>9}"
        f"{trips / max(1, len(tests)):>9.1f}"
    )


def compare(clone, rollback):
    """Compare tests that asked the same of the database in both gears."""
    asked = ("statements", "transactions", "commits", "rollbacks")
    same = [
        test
        for test, counts in rollback.items()
        if test
        and counts.get("transactions")
        and all(counts.get(name) == clone.get(test, {}).get(name) for name in asked)
    ]
    transactions = sum(rollback[test]["transactions"] for test in same)
    extra = {test: rollback[test].get("app", 0) - clone[test].get("app", 0) for test in same}
    print(
        f"\n{len(same)} tests asked the same of the database in both gears, "
        f"in {transactions} transactions\n"
        f"extra round trips, rollback gear beside real connections: {sum(extra.values()):+d}, "
        f"{sum(extra.values()) / max(1, transactions):+.3f} a transaction, "
        f"{sum(extra.values()) / max(1, len(same)):+.2f} a test"
    )
    for test in sorted(extra, key=extra.__getitem__, reverse=True)[:5]:
        print(f"  {extra[test]:+4d} in {rollback[test]['transactions']:>4}  {test}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-wire", action="store_true")
    parser.add_argument("--only-wire", action="store_true")
    chosen = parser.parse_args()
    plan = tomllib.loads(chosen.plan.read_text())
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-s-")))
        base.chmod(0o711)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-suite-")))
        run = stack.enter_context(RunDirectory.create(base / "b"))
        supervisor = stack.enter_context(Supervisor(run))
        postgres = None
        if any(arm.get("postgres") for arm in plan["arms"].values()):
            postgres = provision_postgres(supervisor, purpose="tests")
        cache = base / "cache"  # of its own, so that other runs on the machine evict no template
        cache.mkdir(mode=0o711)
        bench = Bench(plan, postgres, scratch, cache)
        print(f"{plan['name']} {plan.get('version', '')}")
        if not chosen.only_wire:
            bench.time(chosen.rounds)
            show_outcomes(bench.arms)
            if chosen.rounds:
                show_times(bench.arms)
        if not chosen.no_wire:
            show_wire(bench)
            if chosen.only_wire:
                bench.run_rest()
                show_outcomes(bench.arms)


if __name__ == "__main__":
    main()
