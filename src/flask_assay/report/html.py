"""The page: one file, no network, no script but ours.

Two defences, because each alone failed in trials: everything is escaped (autoescape on, JSON
without ``<``, DOM by ``textContent``), and a policy in the page lets run only the script whose
hash it names.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flask_assay.model.document import Diagnosis, RequestTrace, StatementSummary
from flask_assay.model.effect import Effect, Trial, TrialOutcome
from flask_assay.model.finding import Finding, Outcome, Remedy
from flask_assay.report import caps, figures, flame, geometry, ladders, plots, summary, timelines
from flask_assay.report.highlight import highlight

__all__ = ["MAX_BYTES", "escape_json", "policy", "render", "script"]

MAX_BYTES = 1_000_000
_HOPELESS = 4  # markup around a document never makes it smaller
_OPEN_FINDINGS = 3


@dataclass(frozen=True, slots=True)
class _RemedyView:
    remedy: Remedy
    trial: Trial | None


@dataclass(frozen=True, slots=True)
class _FindingView:
    number: int
    finding: Finding
    cost: str
    gain: Effect | None
    is_simulated: bool
    remedies: tuple[_RemedyView, ...]
    statement: StatementSummary | None
    is_open: bool


def render(diagnosis: Diagnosis) -> str:
    """Return the report as one HTML document of less than ``MAX_BYTES`` in UTF-8.

    What does not fit is left out, and the page says what.
    """
    page = ""
    for limits in caps.LEVELS:
        fitted, left_out = caps.fit(diagnosis, limits)
        if limits is not caps.LEVELS[-1] and len(repr(fitted)) > _HOPELESS * MAX_BYTES:
            continue  # not worth the memory of rendering it
        page = _page(fitted, caps.left_out_words(left_out))
        if len(page.encode(errors="replace")) < MAX_BYTES:
            break
    # A lone surrogate has no UTF-8: it could not be written to a file.
    return page.encode(errors="replace").decode()


def script() -> str:
    """Return the page's one script: the vendored uPlot, then ours."""
    ours = ("assets/report.js", "assets/flame.js")
    return "\n".join(_asset(name) for name in ("vendor/uPlot.iife.min.js", *ours))


def policy() -> str:
    """Return the content security policy of the page."""
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def escape_json(data: object) -> Markup:
    """Return JSON that can stand in a script element: it can neither end nor open anything."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - no character that HTML gives a meaning is left


@cache
def _asset(name: str) -> str:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("flask_assay.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        seconds=lambda value: _tie(figures.seconds(value)),
        change=lambda value: _tie(figures.change(value)),
        percent=lambda value: _tie(figures.percent(value)),
        count=figures.count,
        number=figures.number,
        highlight=highlight,
        tie=_tie,
    )
    environment.globals.update(
        figures=figures,
        flame=flame,
        geometry=geometry,
        ladders=ladders,
        plots=plots,
        summary=summary,
        Outcome=Outcome,
        TrialOutcome=TrialOutcome,
        cell=_cell,
        flatten=_flatten,
    )
    return environment


def _page(diagnosis: Diagnosis, left_out: str) -> str:
    made = timelines.charts(diagnosis.series)
    styles = "\n".join(
        map(_asset, ("vendor/uPlot.min.css", "assets/report.css", "assets/flame.css"))
    )
    return (
        _environment()
        .get_template("page.html")
        .render(
            d=diagnosis,
            left_out=left_out,
            policy=policy(),
            # Files of this package; a test looks that neither holds "</style" or "</script".
            script=Markup(script()),  # noqa: S704
            styles=Markup(styles),  # noqa: S704
            findings=_findings(diagnosis),
            axis=geometry.latency_axis(diagnosis.routes),
            charts=made,
            chart_data=escape_json(timelines.as_data(made)),
            flame_data=escape_json(flame.as_data(diagnosis.profile)),
            traces=_traces(diagnosis),
            trials=_trials(diagnosis),
            audits={o: [r for r in diagnosis.results if r.outcome is o] for o in Outcome},
        )
    )


def _findings(diagnosis: Diagnosis) -> list[_FindingView]:
    statements = {s.statement_id: s for s in diagnosis.statements}
    views = []
    for number, finding in enumerate(diagnosis.findings, 1):
        pairs = summary.remedies_with_trials(finding, diagnosis)
        gains = [
            (t.is_simulated, e.change_s, e)
            for _, t in pairs
            if t is not None and (e := summary.gain(t, finding.routes)) is not None
        ]
        is_simulated, _, gain = min(gains, key=lambda each: each[:2], default=(False, 0.0, None))
        views.append(
            _FindingView(
                number=number,
                finding=finding,
                cost=summary.cost_words(finding),
                gain=gain,
                is_simulated=is_simulated,
                remedies=tuple(_RemedyView(r, t) for r, t in pairs),
                statement=statements.get(finding.statement_id),
                is_open=number <= _OPEN_FINDINGS,
            )
        )
    return views


def _traces(diagnosis: Diagnosis) -> list[tuple[str, list[RequestTrace]]]:
    whole = {s.statement_id: f"{s.statement_id} {s.sql}" for s in diagnosis.statements}
    by_route: dict[str, list[RequestTrace]] = {}
    for trace in diagnosis.traces:
        # The label of a query may be cut short; its statement has the end as well.
        spans = (replace(s, label=whole.get(s.label.split(" ")[0], s.label)) for s in trace.spans)
        by_route.setdefault(trace.route, []).append(replace(trace, spans=tuple(spans)))
    return list(by_route.items())


def _trials(diagnosis: Diagnosis) -> list[tuple[str, list[Trial]]]:
    groups = (
        ("Measured", (TrialOutcome.FASTER, TrialOutcome.SLOWER, TrialOutcome.MENDED)),
        ("Tried, no effect", (TrialOutcome.NO_EFFECT,)),
        ("Inconclusive: the time or the machine did not allow more", (TrialOutcome.INCONCLUSIVE,)),
        ("Refused: the responses changed", (TrialOutcome.REFUSED,)),
        (
            "Not reproduced: the problem did not show in the repeated requests",
            (TrialOutcome.NOT_REPRODUCED,),
        ),
        ("Not tried", (TrialOutcome.NOT_TRIED,)),
    )
    trials = summary.other_trials(diagnosis)
    return [(title, [t for t in trials if t.outcome in outcomes]) for title, outcomes in groups]


def _flatten(value: object, name: str = "") -> list[tuple[str, object]]:
    """Return nested mappings and lists of them as (dotted name, plain value)."""
    if isinstance(value, tuple | list) and any(isinstance(v, dict) for v in value):
        value = dict(_named(v, i) for i, v in enumerate(value, 1))
    if isinstance(value, dict):
        pairs = value.items()
        return [p for k, v in pairs for p in _flatten(v, f"{name}.{k}" if name else str(k))]
    if isinstance(value, tuple | list):
        return [(name, ", ".join(str(v) for v in value))]
    return [(name, value)]


def _named(value: object, number: int) -> tuple[str, object]:
    """Return a member of a list under its own name, else under its number."""
    if isinstance(value, dict) and "name" in value:
        return str(value["name"]), {k: v for k, v in value.items() if k != "name"}
    return str(number), value


def _tie(text: str) -> str:
    """Return text in which no line breaks between a figure and its unit."""
    text = re.sub(r"(?<=\d) (?=(?:%|[mµn]?s|min|[KMG]?B)\b|%)", "\N{NO-BREAK SPACE}", text)
    return re.sub(r"\bn = ", "n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}", text)


def _cell(name: str, value: object) -> str:
    """Return a free-form value in words; the end of its name tells the unit."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: figures.NOTHING}[value]
    if not isinstance(value, int | float):
        return str(value)
    words = {"_s": figures.seconds, "_bytes": figures.byte_size, "_ratio": figures.percent}
    found = next((w for suffix, w in words.items() if name.endswith(suffix)), None)
    if name.startswith("phases."):
        found = figures.seconds
    if found is not None and not name.endswith("per_s"):
        return _tie(found(value))
    return figures.count(value) if isinstance(value, int) else figures.number(value)
