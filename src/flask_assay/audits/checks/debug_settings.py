"""debug-settings: the app runs with Flask's debug or testing mode on.

## What it detects
`DEBUG` or `TESTING` set in the app as the server ran it.

## Why it matters
Errors pass by the app's own handlers, the development server hands whoever causes one a console,
templates are looked up again for each rendering, and every figure of this report is that of a mode
no user should meet. In testing mode extensions switch off mail, caches and checks as well.

## How it is detected
The app's own setting after it was loaded by the server.

## Known problems
A run on purpose with the development configuration is told the same.

## How to fix
Leave `FLASK_DEBUG`, `DEBUG` and `TESTING` unset outside of development and tests.

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
    title="Debug and testing modes are off",
    failure_title="Debug or testing mode is on",
    needs=(settings,),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return a finding for each mode that is on."""
    known = given[settings]
    modes = (
        ("debug", known.debug, "Times are those of debug mode; errors pass by the app's handlers."),
        ("testing", known.testing, "Errors pass by the app's handlers; extensions may be off."),
    )
    return tuple(
        Finding(
            audit=META.audit_id,
            key=mode,
            severity=Severity.WARNING,
            title=f"The app ran in {mode} mode",
            detail=detail,
            evidence=(Evidence(mode.upper(), "True"),),
        )
        for mode, is_on, detail in modes
        if is_on
    )
