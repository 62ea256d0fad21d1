"""Findings as SARIF 2.1.0, for code scanning and editors."""

import json
from urllib.parse import quote

from flask_assay.model.document import Diagnosis
from flask_assay.model.finding import Finding
from flask_assay.report import summary

__all__ = ["MAX_RESULTS", "render"]

MAX_RESULTS = 5000  # GitHub takes no more of one run
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(diagnosis: Diagnosis) -> str:
    """Return the findings as a SARIF log.

    A finding that lies in no line of code (a setting, a schema) is a result without a location.
    """
    findings = diagnosis.findings[:MAX_RESULTS]
    rules = sorted({f.audit for f in findings})
    run = {
        "tool": {
            "driver": {
                "name": "flask-assay",
                "rules": [
                    {"id": r, "name": _camel(r), "shortDescription": _message(_words(r))}
                    for r in rules
                ],
            }
        },
        "automationDetails": {"id": f"flask-assay/{diagnosis.app}/"},
        "results": [_result(f, rules.index(f.audit), diagnosis) for f in findings],
        "columnKind": "unicodeCodePoints",
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, allow_nan=False, indent=1)


def _words(audit: str) -> str:
    return audit.replace("-", " ").capitalize()


def _camel(audit: str) -> str:
    return "".join(part.capitalize() for part in audit.split("-"))


def _message(text: str) -> dict[str, str]:
    return {"text": text or "–"}


def _result(finding: Finding, rule_index: int, diagnosis: Diagnosis) -> dict[str, object]:
    sentences = [finding.title, finding.detail]
    for remedy, trial in summary.remedies_with_trials(finding, diagnosis):
        sentences.append(f"Remedy: {remedy.summary}")
        best = summary.gain(trial, finding.routes)
        if best is not None:
            sentences.append(f"Measured on {best.route}: {summary.effect_sentence(best)}")
    result: dict[str, object] = {
        "ruleId": finding.audit,
        "ruleIndex": rule_index,
        "level": finding.severity.value,
        "message": _message("\n".join(s for s in sentences if s)),
        "partialFingerprints": {"assayFinding/v1": f"{finding.audit}/{finding.key}"},
    }
    if finding.place:
        result["locations"] = [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.place.file)},
                    "region": {"startLine": max(1, finding.place.line)},
                }
            }
        ]
    return result
