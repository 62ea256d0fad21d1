"""Light highlighting of SQL and Python: every piece is escaped, then put in a span."""

import re

from markupsafe import Markup, escape

__all__ = ["highlight"]

_SQL_WORDS = (
    "select|from|where|and|or|not|in|is|null|join|left|right|inner|outer|full|cross|lateral|on|"
    "order|group|by|having|limit|offset|asc|desc|distinct|as|with|union|all|insert|into|values|"
    "returning|update|set|delete|for|exists|between|like|ilike|case|when|then|else|end|create|"
    "index|unique|table|alter|add|drop|using|concurrently|over|partition|fetch|first|rows|only"
)
_PYTHON_WORDS = (
    "and|as|assert|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|"
    "from|global|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|True|try|while|"
    "with|yield"
)
_PATTERNS = {
    "sql": re.compile(
        r"(?P<comment>--[^\n]*)|(?P<string>'(?:[^']|'')*')"
        rf"|(?P<word>\b(?:{_SQL_WORDS})\b)|(?P<value>\?|\b\d+(?:\.\d+)?\b)",
        re.IGNORECASE,
    ),
    "python": re.compile(
        r"(?P<comment>\#[^\n]*)|(?P<string>'[^'\n]*'|\"[^\"\n]*\")"
        rf"|(?P<word>\b(?:{_PYTHON_WORDS})\b|@[\w.]+)|(?P<value>\b\d+(?:\.\d+)?\b)"
    ),
}


def highlight(text: str, language: str) -> Markup:
    """Return the text as safe markup; a language that we do not know stays plain."""
    pattern = _PATTERNS.get(language)
    if pattern is None:
        return escape(text)
    pieces, at = [], 0
    for match in pattern.finditer(text):
        pieces.append(escape(text[at : match.start()]))
        pieces.append(Markup('<span class="t-{}">{}</span>').format(match.lastgroup, match[0]))
        at = match.end()
    pieces.append(escape(text[at:]))
    return Markup("").join(pieces)
