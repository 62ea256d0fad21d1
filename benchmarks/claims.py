"""How often the rule of an experiment is wrong, and how often it sees what is there.

    python -m benchmarks.claims [--experiments 400]

Experiments are simulated (eight remedies on four routes, six launches) with the luck and the
noise that real launches showed. Beside the rule in force stands the plain one that most people
would take: a 99 % Student interval over launches that excludes zero, and an effect larger than
any single launch of the null arm showed. Takes a minute; no server is started.
"""

import argparse
import random
from collections.abc import Mapping, Sequence
from math import expm1, log
from statistics import median

from tests.unit.experiments.simulated import BUSY, NOTHING, QUIET, launches

from flask_assay.experiments.estimate import judge
from flask_assay.experiments.launch import LaunchResult
from flask_assay.model.effect import TrialOutcome
from flask_assay.stats.intervals import mean_interval

LUCKY = QUIET | {"luck": 0.2}
MACHINES = {"quiet": QUIET, "busy": BUSY, "luck of 20 %": LUCKY}
RATIOS = (1.0, 0.95, 0.9, 0.75, 0.5)
CLAIMS = (TrialOutcome.FASTER, TrialOutcome.SLOWER)


def plain(made: Sequence[LaunchResult]) -> set[str]:
    """Return the arms of which the plain rule claims an effect."""

    def figures(key: tuple[str, str]) -> list[float]:
        return [median(log(after / before) for before, after in each.pairs[key]) for each in made]

    found = set()
    for arm, route in made[0].pairs:
        interval = mean_interval(figures((arm, route)), level=0.99)
        floor = max(map(abs, figures(("null", route))))
        is_large = abs(expm1(interval.point)) > 0.02 and abs(interval.point) > floor
        if arm != "null" and interval.excludes_zero and is_large:
            found.add(arm)
    return found


def ours(made: Sequence[LaunchResult]) -> tuple[set[str], set[str]]:
    """Return the arms of which an effect is claimed, and those shown to have none."""
    found = judge(made, dict.fromkeys(NOTHING, 1.0))
    return (
        {arm for arm, each in found.items() if each.outcome in CLAIMS and arm in NOTHING},
        {arm for arm, each in found.items() if each.outcome is TrialOutcome.NO_EFFECT},
    )


def simulate(machine: Mapping[str, float], ratio: float, experiments: int) -> str:
    real = ("0a", "1b") if ratio < 1 else ()
    ratios = NOTHING | dict.fromkeys(real, ratio)
    wrong, seen, none = {"plain": 0, "ours": 0}, {"plain": 0, "ours": 0}, 0
    for seed in range(experiments):
        made = launches(random.Random(seed), ratios, **machine)
        claimed, shown = ours(made)
        none += len(shown.difference(real))
        for name, arms in (("plain", plain(made)), ("ours", claimed)):
            wrong[name] += bool(arms.difference(real))
            seen[name] += len(arms.intersection(real))
    total = experiments * (len(real) or 1)
    nothing = experiments * (len(NOTHING) - len(real))
    power = "" if not real else f"seen {seen['plain'] / total:5.1%} → {seen['ours'] / total:5.1%}"
    return (
        f"wrong experiments {wrong['plain'] / experiments:5.1%} → "
        f"{wrong['ours'] / experiments:5.1%}   {power:22}   no effect shown {none / nothing:5.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=400)
    wanted = parser.parse_args()
    print("plain rule → rule in force")
    for name, machine in MACHINES.items():
        for ratio in RATIOS:
            print(
                f"{name:13} {ratio - 1:+4.0%}  {simulate(machine, ratio, wanted.experiments)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
