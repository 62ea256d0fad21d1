"""How often an experiment claims an effect of a change that changes nothing.

    python -m benchmarks.aa [--experiments 20] [--routes 8] [--launches 6] [--seconds 30]

Loads ``examples/legacy_shop`` once, then runs whole experiments (copies, launches, estimate,
verdict) whose remedies do nothing, one per route, and prints each claim. Target: 0 claims in 20
experiments; with none in 20, the true rate is below 14 % (95 %). Twenty take about 15 minutes:
each its ``--seconds`` of launches, and the boots, copies and rehearsal around them.
"""

import argparse
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

from flask_assay.cli.progress import TerminalProgress
from flask_assay.config.resolve import resolve
from flask_assay.experiments.prove import FULL, prove
from flask_assay.gather.run import gather, open_lab
from flask_assay.model.clock import SystemClock
from flask_assay.model.effect import TrialOutcome
from flask_assay.model.finding import Finding, Remedy, Severity
from flask_assay.recording.reader import open_recording

EXAMPLE = Path(__file__).parents[1] / "examples" / "legacy_shop"
UNTRIED = (TrialOutcome.NOT_TRIED, TrialOutcome.NOT_REPRODUCED)
CLAIMS = (TrialOutcome.FASTER, TrialOutcome.SLOWER, TrialOutcome.REFUSED)


def nothing(route: str, number: int) -> Finding:
    remedy = Remedy("nothing", {"number": number}, f"Change nothing on {route}.")
    return Finding("null", route, Severity.NOTE, route, routes=(route,), remedies=(remedy,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=20, help="whole experiments")
    parser.add_argument("--routes", type=int, default=8)
    parser.add_argument("--launches", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=30.0, help="per experiment")
    parser.add_argument("--scale", type=float, default=0.3, help="of the data")
    wanted = parser.parse_args()
    os.chdir(EXAMPLE)
    options = {
        "duration_s": 10.0,
        "experiment_s": wanted.seconds,
        "scale": wanted.scale,
        "growth": False,
    }
    settings = resolve(options, {}, Path.cwd())
    progress = TerminalProgress()
    extent = replace(FULL, launches=wanted.launches)
    outcomes: Counter[TrialOutcome] = Counter()
    clock = SystemClock()
    begin_s = clock.monotonic_ns() / 1e9
    with open_lab("legacy_shop", settings, progress) as lab:
        recording = open_recording(gather(lab, progress).recording)
        asked = Counter(row.route for row in recording.requests if row.status < 400)
        findings = [
            nothing(route, number)
            for number, (route, _) in enumerate(asked.most_common(wanted.routes))
        ]
        for number in range(wanted.experiments):
            lab.settings.values["random_seed"] = number + 1
            trials = prove(
                lab,
                recording,
                findings,
                clock=clock,
                on_step=lambda text: None,
                extent=extent,
            )
            tried = [each for each in trials if each.outcome not in UNTRIED]
            outcomes.update(each.outcome for each in tried)
            claimed = [each for each in tried if each.outcome in CLAIMS]
            told = f"experiment {number + 1}: {len(tried)} null changes, {len(claimed)} claimed"
            print(f"{told}, {clock.monotonic_ns() / 1e9 - begin_s:.0f} s so far", flush=True)
            for each in claimed:
                print(f"  {each.outcome} {each.summary}")
                for effect in each.effects:
                    ratio = effect.change_s / effect.before_s
                    print(f"    {ratio:+.1%} {effect.oracle} {effect.oracle_detail}")
    claims = sum(outcomes[each] for each in CLAIMS)
    print(f"{claims} claims of {outcomes.total()} null changes in {wanted.experiments} experiments")


if __name__ == "__main__":
    main()
