"""The report as GitHub-flavoured Markdown of less than 200 KB: for job summaries and comments."""

import re
from collections.abc import Iterable, Sequence

from flask_assay.model.document import Diagnosis
from flask_assay.model.effect import Effect, Trial
from flask_assay.model.finding import Finding, Outcome
from flask_assay.report import caps, figures, ladders, plots, summary

__all__ = ["MAX_BYTES", "render"]

MAX_BYTES = 200_000
_VERDICT_SIGNS = {"healthy": "🟢", "problems": "🟡", "failing": "🔴", "inconclusive": "⚪"}
_SEVERITY_SIGNS = {"error": "🔴", "warning": "🟡", "note": "🔵"}


def render(diagnosis: Diagnosis) -> str:
    """Return the report as Markdown of less than ``MAX_BYTES`` in UTF-8.

    What does not fit is left out, and the text says what.
    """
    text = ""
    for limits in caps.LEVELS[1:]:
        fitted, left_out = caps.fit(diagnosis, limits)
        lines = _document(fitted, caps.left_out_words(left_out))
        text = "\n".join(lines) + "\n"
        if len(text.encode()) < MAX_BYTES:
            break
    return text


def _text(value: str) -> str:
    """Return prose in which nothing is markup, and no one is mentioned."""
    value = " ".join(value.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~$#!])", r"\\\1", value).replace("@", "@\u200b")


def _code(value: str) -> str:
    """Return a code span that a table cell can hold; its fence is longer than any inside."""
    value = " ".join(value.split()).replace("|", "\\|") or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", value)), default=0) + 1)
    pad = " " if value.startswith("`") or value.endswith("`") else ""
    return f"{fence}{pad}{value}{pad}{fence}"


def _block(text: str, language: str) -> list[str]:
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return [f"{fence}{re.sub('[^a-z0-9]', '', language.lower())}", *text.split("\n"), fence, ""]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: int = 0) -> list[str]:
    """Return a table whose last ``right`` columns are aligned to the right."""
    marks = ["---"] * (len(head) - right) + ["--:"] * right
    lines = [f"| {' | '.join(cells)} |" for cells in (head, marks, *rows)]
    return [*lines, ""]


def _document(d: Diagnosis, left_out: str) -> list[str]:
    word = summary.VERDICT_WORDS.get(d.verdict, d.verdict)
    lines = [f"# {_VERDICT_SIGNS.get(d.verdict, '⚪')} {_text(word)}: {_text(d.headline)}", ""]
    lines += [f"{_code(d.app)} · {_text(d.started_at)} · {summary.severity_words(d)}", ""]
    if d.status != "complete":
        lines += [f"**The recording is {_text(d.status)}.** {_text(d.status_reason)}", ""]
    keys = [
        (_text(f.label), f"**{_text(f.value)}**", _text(f.note)) for f in summary.key_figures(d)
    ]
    lines += _table(("Figure", "Value", "Stands on"), keys)
    lines += [f"> {_text(w)}\n" for w in d.warnings]
    lines += [f"> {_text(left_out)}", ""] if left_out else []
    return [
        *lines,
        *_counts(d),
        *_findings(d),
        *_routes(d),
        *_ladders(d),
        *_cache_plans(d),
        *_experiments(d),
        *_audits(d),
        *_commands(d),
    ]


def _counts(d: Diagnosis) -> list[str]:
    if not d.reconciliations:
        return []
    items = [
        f"- {'✅' if r.ok else '❌'} {_text(f'{r.what}: {summary.reconciliation_words(r)}')}"
        for r in d.reconciliations
    ]
    return ["## Do the counts agree?", "", *items, ""]


def _findings(d: Diagnosis) -> list[str]:
    if not d.findings:
        return ["## Findings", "", "No audit found a problem in this run.", ""]
    parts = [_finding(n, f, d) for n, f in enumerate(d.findings, 1)]
    return ["## Findings", "", *(line for part in parts for line in part)]


def _finding(number: int, f: Finding, d: Diagnosis) -> list[str]:
    sign = f"{_SEVERITY_SIGNS[f.severity.value]} {f.severity.value}"
    lines = [f"### {number}. {_text(f.title)}", ""]
    facts = [sign, _code(f.audit), *([_code(str(f.place))] if f.place else [])]
    lines += [" · ".join([*facts, *(_code(r) for r in f.routes[:5])]), ""]
    lines += [_text(f.detail), ""] if f.detail else []
    cost = summary.cost_words(f)
    lines += [f"Costs {cost}.", ""] if cost else []
    if f.evidence:
        rows = [
            (_text(e.label), _text(figures.evidence_value(e)), _text(figures.evidence_note(e)))
            for e in f.evidence
        ]
        lines += _table(("Evidence", "Value", "Stands on"), rows)
    lines += _block(f.sql, "sql") if f.sql else []
    for remedy, trial in summary.remedies_with_trials(f, d):
        lines += [f"**Remedy:** {_text(remedy.summary)}", ""]
        code, language = (
            (remedy.patch, "diff") if remedy.patch else (remedy.snippet, remedy.snippet_language)
        )
        lines += _block(code, language) if code else []
        lines += _trial(trial)
    return lines


def _trial(trial: Trial | None) -> list[str]:
    if trial is None:
        return ["No experiment tried this remedy: it is a hypothesis.", ""]
    lines = [
        f"**Experiment:** {summary.OUTCOME_WORDS[trial.outcome]}. {_text(trial.reason)}".strip(),
        "",
    ]
    lines += _effects(trial.effects)
    if trial.prices:
        prices = [" ".join(figures.price(n, v)) for n, v in trial.prices.items()]
        lines += [f"Price: {_text(', '.join(prices))}.", ""]
    return lines


def _effects(effects: Sequence[Effect]) -> list[str]:
    if not effects:
        return []
    rows = [
        (
            _code(e.route),
            summary.ORACLE_WORDS[e.oracle],
            figures.seconds(e.before_s),
            figures.seconds(e.after_s),
            f"**{figures.change(e.change_s)}**",
            figures.interval(e.low_s, e.high_s, signed=True),
            f"{figures.count(e.launch_count)}, {figures.count(e.pair_count)}",
        )
        for e in effects
    ]
    head = ("Route", "Responses", "Before", "After", "Change", "Interval", "Launches, pairs")
    return _table(head, rows, right=5)


def _routes(d: Diagnosis) -> list[str]:
    if not d.routes:
        return []
    rows = [
        (
            _code(r.route),
            figures.percent(r.share_ratio),
            figures.count(r.request_count),
            figures.count(r.error_count),
            figures.seconds(r.quantiles_s.get("p50")),
            figures.seconds(r.quantiles_s.get("p95")),
            figures.seconds(r.quantiles_s.get("p99")),
            figures.number(r.statements_mean),
        )
        for r in d.routes
    ]
    head = ("Route", "Share", "Requests", "Failed", "p50", "p95", "p99", "SQL")
    return ["## Routes", "", *_table(head, rows, right=7)]


def _ladders(d: Diagnosis) -> list[str]:
    lines: list[str] = []
    for each in d.ladders:
        rows = [tuple(map(_text, row.cells())) for row in ladders.rows(each)]
        lines += ["## Ladder", "", _text(ladders.lead(each)), ""]
        lines += _table(ladders.HEAD, rows, right=5)
        if each.no_effect:
            tried = "; ".join(_text(summary.rstrip(".")) for _, summary in each.no_effect)
            lines += [f"Tried, no further effect: {tried}.", ""]
    return lines


def _cache_plans(d: Diagnosis) -> list[str]:
    lines: list[str] = []
    for each in d.cache_plans:
        rows = [tuple(map(_text, cells)) for cells in plots.cache_rows(each)]
        words = _text(plots.cache_words(each))
        lines += [f"## Cache plan: {_text(each.route)}", "", f"{words}.", ""]
        lines += _table(plots.CACHE_HEAD, rows, right=4)
    return lines


def _experiments(d: Diagnosis) -> list[str]:
    if not d.trials:
        return []
    lines = ["## Experiments", ""]
    floor = summary.noise_floor(d)
    if floor:
        lines += [
            "Noise floor: what two identical targets differed by (A/A).",
            "",
            *_effects(floor),
        ]
    rows = [
        (_text(t.summary), summary.OUTCOME_WORDS[t.outcome], _text(t.reason))
        for t in summary.other_trials(d)
    ]
    return lines + (_table(("Remedy", "Outcome", "Reason"), rows) if rows else [])


def _audits(d: Diagnosis) -> list[str]:
    lines = ["## Audits", ""]
    for outcome in (Outcome.ERROR, Outcome.NOT_APPLICABLE, Outcome.PASSED):
        found = [r for r in d.results if r.outcome is outcome]
        if found:
            names = [_code(r.audit) + (f" ({_text(r.reason)})" if r.reason else "") for r in found]
            lines += [f"**{outcome.value.replace('-', ' ').capitalize()}:** {', '.join(names)}", ""]
    return lines


def _commands(d: Diagnosis) -> list[str]:
    lines = ["## Again", ""]
    for purpose, command in summary.commands(d):
        lines += [f"{purpose}:", "", *_block(command, "sh")]
    return lines
