"""Write docs/reference/audits/ from the docstrings of the audits.

The docstring of an audit is its page; this puts the thresholds it names beside it.
Run it after changing an audit: ``python docs/generate_audits.py``.
"""

import importlib
import re
from pathlib import Path
from types import ModuleType

from flask_assay.audits.audit import Audit
from flask_assay.audits.registry import AUDITS

REFERENCE = Path(__file__).parent / "reference" / "audits"


def pages() -> dict[str, str]:
    """Return file name → text of every page, the index included."""
    found = {f"{audit.meta.audit_id}.md": page(audit) for audit in AUDITS}
    return {"index.md": index(), **found}


def index() -> str:
    """Return the list of all audits."""
    lines = ["# Audits", "", "Each finding names its audit; each audit has a page.", ""]
    lines += ["| audit | state | what it says |", "|---|---|---|"]
    for audit in AUDITS:
        meta = audit.meta
        link = f"[`{meta.audit_id}`]({meta.audit_id}.md)"
        lines.append(f"| {link} | {meta.state} | {meta.failure_title} |")
    lines += ["", "A *preview* audit is shown, is never more than a warning, and never gates.", ""]
    return "\n".join(lines)


def page(audit: Audit) -> str:
    """Return one audit's page."""
    meta = audit.meta
    title, _, body = audit.page.strip().partition("\n")
    summary = title.partition(": ")[2]
    needs = ", ".join(f"`{need.name}`" for need in meta.needs)
    parts = [
        f"# {meta.audit_id}",
        "",
        summary[:1].upper() + summary[1:],
        "",
        f"State: {meta.state}. It reads: {needs}.",
        "",
        body.strip(),
        "",
        *thresholds(importlib.import_module(audit.run.__module__)),
    ]
    return "\n".join(parts).rstrip() + "\n"


def thresholds(module: ModuleType) -> list[str]:
    """Return the table of a module's thresholds, with their comments."""
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    rows = []
    for match in re.finditer(r"^([A-Z][A-Z_]+) = [^#\n]+?(?:  # (.+))?$", source, re.MULTILINE):
        value = getattr(module, match[1], None)
        if isinstance(value, int | float | tuple):
            rows.append(f"| `{match[1]}` | {value} | {match[2] or ''} |")
    if not rows:
        return []
    return ["## Thresholds", "", "| name | value | |", "|---|---|---|", *rows, ""]


def main() -> None:
    """Write every page and remove pages of audits that are gone."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for path in REFERENCE.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
