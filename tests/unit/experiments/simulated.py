"""Launches that are made up, with the luck and the noise that real ones showed.

Of a launch 1 to 5 %, of a pair 10 % on a quiet machine, and 30 % with bursts on a busy one
(``benchmarks/aa.py`` on two cores that were idle, and with a load of five).
"""

from flask_assay.experiments.launch import LaunchResult

QUIET = {"luck": 0.01, "noise": 0.1, "bursts": 0.03, "pairs": 12}
BUSY = {"luck": 0.05, "noise": 0.3, "bursts": 0.2, "pairs": 4}


def launches(rng, ratios, *, routes=4, count=6, luck, noise, bursts, pairs, verdict=None):
    """Launches of a base, a null and some arms on each route; bursts hit single requests."""

    def seconds(factor):
        burst = rng.expovariate(2) if rng.random() < bursts else 0.0
        return 0.01 * factor * max(0.2, rng.gauss(1, noise)) * (1 + burst)

    found = []
    for _ in range(count):
        made = {}
        for number in range(routes):
            route = f"GET /{number}"
            arms = {"null": 1.0} | {
                name: ratio for name, ratio in ratios.items() if name.startswith(f"{number}")
            }
            factors = {name: ratio * rng.gauss(1, luck) for name, ratio in arms.items()}
            for _ in range(pairs):
                times = {name: seconds(factor) for name, factor in factors.items()}
                base = seconds(1)
                for name, after in times.items():
                    before = base if name == "null" else (base * times["null"]) ** 0.5
                    made.setdefault((name, route), []).append((before, after))
        verdicts = {key: (verdict, "") for key in made if verdict and key[0] != "null"}
        found.append(LaunchResult(made, verdicts))
    return found


NOTHING = {f"{route}{arm}": 1.0 for route in range(4) for arm in "ab"}
