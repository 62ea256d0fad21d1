"""Bounds of a report: what is left out so that it stays small, and the sentence that says so."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from typing import cast

from flask_assay.model.document import Diagnosis, Series
from flask_assay.report import figures

__all__ = ["LEVELS", "Limits", "fit", "left_out_words", "thin"]

_CODE_FIELDS = frozenset({"sql", "snippet", "patch", "detail", "headline"})
# Terminal escapes, text that runs backwards and halves of a pair: none belongs in a report.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LARGEST = 1e15  # beyond it no axis can be drawn; no quantity of a run comes near
_NAMES = {
    "Diagnosis.results": "audits",
    "Diagnosis.series": "lines over time",
    "Diagnosis.traces": "single requests",
    "Diagnosis.trials": "experiments",
    "Diagnosis.environment": "facts of the environment",
    "EndpointProfile.stacks": "stacks of flame graphs",
    "Profile.endpoints": "flame graphs",
    "StatementSummary.plan": "lines of plans",
    "StatementSummary.sites": "call sites",
}
_PEAKS = ("p50_s", "p90_s", "p95_s", "p99_s", "max_s", "errors_per_s")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each kind a report shows.

    Attributes:
        findings: Findings.
        routes: Routes.
        statements: Statements.
        traces: Requests drawn as a waterfall.
        spans: Spans of one such request.
        trials: Experiments.
        remedies: Remedies of one finding.
        effects: Routes that one experiment measured.
        lines: Lines in the charts over time.
        points: Points of one line.
        nested: Members of any other list or mapping.
        text: Characters of a text.
        code: Characters of a statement, a snippet or a paragraph.
        profiles: Endpoints with a flame graph.
        stacks: Stacks of one flame graph.
    """

    findings: int
    routes: int
    statements: int
    traces: int
    spans: int
    trials: int
    remedies: int
    effects: int
    lines: int
    points: int
    nested: int
    text: int
    code: int
    profiles: int
    stacks: int


LEVELS = (
    Limits(100, 200, 200, 100, 400, 150, 6, 12, 24, 400, 100, 600, 5000, 60, 250),
    Limits(60, 100, 80, 24, 200, 80, 4, 8, 24, 300, 60, 400, 2500, 30, 150),
    Limits(30, 50, 40, 12, 120, 40, 3, 6, 16, 200, 30, 200, 1000, 15, 80),
    Limits(15, 25, 20, 6, 60, 20, 2, 4, 12, 120, 15, 120, 400, 6, 40),
    Limits(10, 12, 10, 2, 20, 8, 2, 3, 6, 60, 6, 80, 160, 2, 20),
)


def fit(diagnosis: Diagnosis, limits: Limits) -> tuple[Diagnosis, tuple[str, ...]]:
    """Return a document within the limits, and what was left out, in words.

    The findings inside of ``results`` are dropped: they are the document's findings over again.
    Control characters become U+FFFD.
    """
    results = tuple(replace(r, findings=()) for r in diagnosis.results)
    shown, more = diagnosis.series[: limits.lines], diagnosis.series[limits.lines :]
    series = (*(thin(s, limits.points) for s in shown), *more)
    walker = _Walker(limits, Counter())
    fitted = walker.value("", replace(diagnosis, results=results, series=series))
    return cast("Diagnosis", fitted), walker.words()


def left_out_words(left_out: tuple[str, ...]) -> str:
    """Return one sentence on what was left out; empty if nothing was."""
    if not left_out:
        return ""
    return f"Left out to keep this report small: {', '.join(left_out)}. The JSON document has all."


def thin(series: Series, points: int) -> Series:
    """Return a series of at most so many points, in order of time, without what cannot be drawn.

    Neighbours are put together: percentiles and errors keep the highest of them, so that no peak
    is lost; everything else keeps the mean.
    """
    pairs = sorted(
        (t, v if v is not None and abs(v) < _LARGEST else None)  # False for NaN as well
        for t, v in dict(zip(series.t_s, series.values, strict=False)).items()
        if abs(t) < _LARGEST
    )
    size = max(1, math.ceil(len(pairs) / points))
    groups = [pairs[i : i + size] for i in range(0, len(pairs), size)]
    pick = max if series.name in _PEAKS else _mean
    values = [[v for _, v in group if v is not None] for group in groups]
    return Series(
        series.name,
        tuple(group[0][0] for group in groups),
        tuple(pick(v) if v else None for v in values),
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


class _Walker:
    """Copies a document within limits and counts what it drops."""

    def __init__(self, limits: Limits, dropped: Counter[str]) -> None:
        self.limits, self.dropped = limits, dropped
        self.caps = {
            "Diagnosis.findings": limits.findings,
            "Diagnosis.routes": limits.routes,
            "Diagnosis.statements": limits.statements,
            "Diagnosis.traces": limits.traces,
            "Diagnosis.trials": limits.trials,
            "Diagnosis.series": limits.lines,
            "Finding.remedies": limits.remedies,
            "Trial.effects": limits.effects,
            "RequestTrace.spans": limits.spans,
            "RouteSummary.histogram": 1000,  # drawn as few bars, however many there are
            "Profile.endpoints": limits.profiles,
            "Profile.frames": 10**6,  # the page names those only that its stacks point to
            "EndpointProfile.stacks": limits.stacks,
            "FoldedStack.frames": 1000,
            "Series.t_s": limits.points,
            "Series.values": limits.points,
        }

    def value(self, name: str, value: object) -> object:
        if isinstance(value, str):
            return value if isinstance(value, StrEnum) else self.text(name, value)
        if is_dataclass(value) and not isinstance(value, type):
            owner = type(value).__name__
            return replace(
                value,
                **{
                    f.name: self.value(f"{owner}.{f.name}", getattr(value, f.name))
                    for f in fields(value)
                },
            )
        if isinstance(value, Mapping):
            kept = self.keep(name, list(value))
            return {self.text("", str(k)): self.value(name, value[k]) for k in kept}
        if isinstance(value, tuple | list):
            kept = [self.value(name, item) for item in self.keep(name, value)]
            return kept if isinstance(value, list) else tuple(kept)
        return value

    def keep(self, name: str, items: "tuple[object, ...] | list[object]") -> "list[object]":
        cap = self.caps.get(name, self.limits.nested)
        if len(items) > cap:
            self.dropped[name] += len(items) - cap
        return list(items[:cap])

    def text(self, name: str, text: str) -> str:
        text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text) if text else text
        is_code = name.rpartition(".")[2] in _CODE_FIELDS
        cap = self.limits.code if is_code else self.limits.text
        if len(text) <= cap:
            return text
        self.dropped["text"] += 1
        return f"{text[:cap]}… ({figures.count(len(text) - cap)} characters more)"

    def words(self) -> tuple[str, ...]:
        texts = self.dropped.pop("text", 0)
        words = [
            f"{figures.count(n)} {_NAMES.get(name, name.rpartition('.')[2].replace('_', ' '))}"
            for name, n in self.dropped.items()
        ]
        words += [f"the end of {figures.plural(texts, 'long text')}"] if texts else []
        return tuple(words)
