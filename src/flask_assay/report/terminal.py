"""The summary in a terminal: the verdict, the worst findings, the routes, where the report lies.

Plain text with at most a little colour; every colour has its word beside it.
"""

import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TextIO

from flask_assay.model.document import Diagnosis, RouteSummary
from flask_assay.model.effect import Trial, TrialOutcome
from flask_assay.model.finding import Finding, Severity
from flask_assay.report import caps, figures, ladders, plots, summary

__all__ = ["render", "wants_colour"]

_STYLES = {
    "bold": "1",
    "dim": "2",
    "error": "1;31",
    "warning": "1;33",
    "note": "1;34",
    "good": "1;32",
    "place": "36",
}
_VERDICT_STYLES = {"healthy": "good", "problems": "warning", "failing": "error"}
_SIGNS = {Severity.ERROR: "✕", Severity.WARNING: "▲", Severity.NOTE: "●"}
_FULL_FINDINGS = 5
_FULL_ROUTES = 10
_LABEL_WIDTH = 11
_MIN_WIDTH, _MAX_WIDTH = 40, 110
_NAME_WIDTH = 20
# The most telling columns first: a narrow terminal shows as many as it can hold.
_COLUMNS: tuple[tuple[str, Callable[[RouteSummary], str]], ...] = (
    ("share", lambda r: figures.percent(r.share_ratio)),
    ("p50", lambda r: figures.seconds(r.quantiles_s.get("p50"))),
    ("p95", lambda r: figures.seconds(r.quantiles_s.get("p95"))),
    ("SQL", lambda r: figures.number(r.statements_mean)),
    ("requests", lambda r: figures.count(r.request_count)),
    ("failed", lambda r: figures.count(r.error_count)),
)


def wants_colour(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Return whether to colour what is written to ``stream``: a terminal, and no one objects.

    See https://no-color.org: NO_COLOR counts when it is set and not empty.
    """
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return bool(environment.get("FORCE_COLOR")) or stream.isatty()


def render(diagnosis: Diagnosis, *, width: int = 80, colour: bool = False, report: str = "") -> str:
    """Return the summary as text, lines ended by newlines.

    Args:
        diagnosis: The document.
        width: Columns of the terminal.
        colour: Whether to write ANSI colours; see ``wants_colour``.
        report: Where the full report lies, printed last; empty if there is none.
    """
    fitted, _ = caps.fit(diagnosis, caps.LEVELS[2])
    page = _Page(max(_MIN_WIDTH, min(width, _MAX_WIDTH)), colour=colour)
    _verdict(page, fitted)
    _findings(page, fitted, total=len(diagnosis.findings))
    _ladders(page, fitted)
    _cache_plans(page, fitted)
    _routes(page, fitted.routes, total=len(diagnosis.routes))
    _counts(page, fitted)
    if report:
        page.line()
        page.line(f"{page.style('bold', 'Report')}  {report}")
    return page.text()


class _Page:
    """Lines under construction; knows the width and whether there is colour."""

    def __init__(self, width: int, *, colour: bool) -> None:
        self.width, self.colour = width, colour
        self.lines: list[str] = []

    def style(self, name: str, text: str) -> str:
        return f"\x1b[{_STYLES[name]}m{text}\x1b[0m" if self.colour and text else text

    def line(self, text: str = "") -> None:
        self.lines.append(text.rstrip())

    def paragraph(self, text: str, *, indent: int = 0, style: str = "") -> None:
        for line in _wrap(text, self.width - indent):
            self.line(" " * indent + (self.style(style, line) if style else line))

    def labelled(self, label: str, text: str, *, indent: int = 3, style: str = "") -> None:
        """Write a dim label and a paragraph beside it."""
        left = " " * indent + label.ljust(_LABEL_WIDTH)
        for line in _wrap(text, self.width - len(left)):
            self.line(self.style("dim", left) + (self.style(style, line) if style else line))
            left = " " * len(left)

    def figure(self, figure: summary.Figure) -> None:
        """Write a key figure on one line; what it stands on is cut where the line ends."""
        left = f"{figure.label.ljust(24)} {figure.value.rjust(8)}  "
        room = self.width - _cells(left)
        note = _shorten(figure.note, room) if room > _LABEL_WIDTH else ""
        self.line(left + self.style("dim", note))

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), max(20, width)) or [""]


def _cells(text: str) -> int:
    """Return how many columns a text takes: wide signs take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _shorten(text: str, width: int) -> str:
    text = " ".join(text.split())
    if _cells(text) <= width:
        return text
    while text and _cells(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def _verdict(page: _Page, d: Diagnosis) -> None:
    word = summary.VERDICT_WORDS.get(d.verdict, d.verdict)
    style = _VERDICT_STYLES.get(d.verdict, "note")
    counts = _shorten(summary.severity_words(d), page.width - _cells(word) - 2)
    page.line(f"{page.style(style, word.upper())}  {counts}")
    page.line()
    page.paragraph(d.headline, style="bold")
    if d.status != "complete":
        page.line()
        page.paragraph(f"The recording is {d.status}: {d.status_reason}", style="warning")
    page.line()
    for figure in summary.key_figures(d):
        page.figure(figure)
    for warning in d.warnings:
        page.paragraph(f"Warning: {warning}", style="warning")


def _findings(page: _Page, d: Diagnosis, *, total: int) -> None:
    for number, finding in enumerate(d.findings[:_FULL_FINDINGS], 1):
        page.line()
        _finding(page, number, finding, d)
    if total > _FULL_FINDINGS:
        page.line()
        more = total - _FULL_FINDINGS
        noun = "finding" if more == 1 else "findings"
        page.line(page.style("bold", f"{figures.count(more)} more {noun}"))
        named = d.findings[_FULL_FINDINGS : 2 * _FULL_FINDINGS]
        for finding in named:
            place = f"{finding.place}  " if finding.place else ""
            text = _shorten(f"{place}{finding.title}", page.width - 5)
            sign = page.style(finding.severity.value, _SIGNS[finding.severity])
            page.line(f"   {sign} {text}")
        if more > len(named):
            page.line(f"   … and {figures.count(more - len(named))} in the report")


def _finding(page: _Page, number: int, finding: Finding, d: Diagnosis) -> None:
    sign = f"{_SIGNS[finding.severity]} {finding.severity.value}"
    first, *rest = _wrap(f"{sign}  {finding.title}", page.width - 3)
    title = page.style("bold", first.removeprefix(sign))
    page.line(f"{number}. {page.style(finding.severity.value, sign)}{title}")
    for line in rest:
        page.line("   " + page.style("bold", line))
    if finding.place:
        where = f"{finding.place} {finding.place.function}".rstrip()
        page.labelled("place", where, style="place")
    cost = summary.cost_words(finding)
    facts = [f"{e.label}: {figures.evidence_value(e)}" for e in finding.evidence[:2]]
    if facts:
        page.labelled("evidence", "; ".join(facts))
    if cost:
        page.labelled("costs", cost)
    for remedy, trial in summary.remedies_with_trials(finding, d)[:2]:
        untried = "" if trial else " (a hypothesis: no experiment tried it)"
        page.labelled("remedy", f"{remedy.summary}{untried}")
        if trial is not None:
            _trial(page, trial, finding.routes)


def _trial(page: _Page, trial: Trial, routes: tuple[str, ...]) -> None:
    word = summary.OUTCOME_WORDS[trial.outcome]
    if trial.reason or not trial.effects:
        page.labelled("experiment", f"{word}. {trial.reason}".strip())
    if trial.outcome is TrialOutcome.NOT_TRIED:
        return
    best = summary.gain(trial, routes)
    style = "good" if trial.outcome is TrialOutcome.FASTER else ""
    # without a saving to name: where the change did most, whatever it did
    shown = best or max(trial.effects, key=lambda each: abs(each.change_s), default=None)
    for effect in [shown] if shown else []:
        text = f"{word} on {effect.route}: {summary.effect_sentence(effect)}"
        page.labelled("simulated" if trial.is_simulated else "measured", text, style=style)
        page.labelled("", summary.ORACLE_WORDS[effect.oracle])
    prices = [" ".join(figures.price(n, v)) for n, v in (trial.prices or {}).items()]
    if prices:
        page.labelled("price", ", ".join(prices))


def _ladders(page: _Page, d: Diagnosis) -> None:
    for each in d.ladders:
        rows = ladders.rows(each)
        columns = list(zip(*(row.cells()[1:] for row in rows), strict=True))
        heads = list(ladders.HEAD[1:])
        widths = [
            max(map(_cells, [head, *column])) for head, column in zip(heads, columns, strict=True)
        ]
        while len(widths) > 1 and page.width - sum(widths) - 2 * len(widths) < _NAME_WIDTH:
            del widths[-1]
        name_width = page.width - sum(widths) - 2 * len(widths)
        page.line()
        page.line(page.style("bold", _row("Ladder", heads[: len(widths)], name_width, widths)))
        for row in rows:
            page.line(_row(row.name, row.cells()[1 : 1 + len(widths)], name_width, widths))
        page.paragraph(ladders.lead(each), style="dim")


def _cache_plans(page: _Page, d: Diagnosis) -> None:
    for each in d.cache_plans:
        page.paragraph(plots.cache_sentence(each), style="dim")


def _routes(page: _Page, routes: Sequence[RouteSummary], *, total: int) -> None:
    if not routes:
        return
    shown = routes[:_FULL_ROUTES]
    columns = [(head, [words(r) for r in shown]) for head, words in _COLUMNS]
    widths = [max(map(_cells, [head, *cells])) for head, cells in columns]
    while len(columns) > 1 and page.width - sum(widths) - 2 * len(widths) < _NAME_WIDTH:
        del columns[-1], widths[-1]
    name_width = max(_NAME_WIDTH, page.width - sum(widths) - 2 * len(widths))
    head = [head for head, _ in columns]
    rows = list(zip(*(cells for _, cells in columns), strict=True))
    page.line()
    page.line(page.style("bold", _row("Route", head, name_width, widths)))
    for route, row in zip(shown, rows, strict=True):
        page.line(_row(route.route, row, name_width, widths))
    if total > len(rows):
        page.line(page.style("dim", f"and {figures.plural(total - len(rows), 'more route')}"))


def _row(name: str, cells: Sequence[str], name_width: int, widths: Iterable[int]) -> str:
    name = _shorten(name, name_width)
    text = name + " " * (name_width - _cells(name))
    return text + "".join(f"  {c.rjust(w)}" for c, w in zip(cells, widths, strict=True))


def _counts(page: _Page, d: Diagnosis) -> None:
    if not d.reconciliations:
        return
    page.line()
    for r in d.reconciliations:
        word, style = ("agree", "good") if r.ok else ("DIFFER", "error")
        page.line(page.style(style, f"{r.what.capitalize()} {word}"))
        page.paragraph(summary.reconciliation_words(r), indent=3)
