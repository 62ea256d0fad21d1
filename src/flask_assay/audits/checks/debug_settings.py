"""debug-settings: the app runs with Flask's debug mode on.

## What it detects
`DEBUG` set in the app as the server ran it.

## Why it matters
Tracebacks with local variables are shown to whoever causes one, templates are looked up again for
each rendering, and every figure of this report is that of a mode no user should meet.

## How it is detected
The app's own setting after it was loaded by the server.

## Known problems
A run on purpose with the development configuration is told the same.

## How to fix
Leave `FLASK_DEBUG` and `DEBUG` unset outside of development.

## References
Flask, "Debugging Application Errors".
"""

from collections.abc import Sequence

from flask_assay.artifacts.settings import settings
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.model.finding import Evidence, Finding, Severity

META = Meta(
    audit_id="debug-settings",
    title="Debug mode is off",
    failure_title="Debug mode is on",
    needs=(settings,),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return a finding if debug mode is on."""
    if not given[settings].debug:
        return ()
    return (
        Finding(
            audit=META.audit_id,
            key="debug",
            severity=Severity.WARNING,
            title="The app ran in debug mode",
            detail="Times are those of debug mode; tracebacks are shown to users.",
            evidence=(Evidence("DEBUG", "True"),),
        ),
    )
