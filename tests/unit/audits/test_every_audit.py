"""Audit × scenario: each finds its own, and is silent on its healthy twin and on all others."""

import pytest
from tests.recordings.scenarios import ALSO, SCENARIOS, record

from flask_assay.audits.registry import AUDITS
from flask_assay.diagnosis import diagnose
from flask_assay.model.finding import Outcome

IDS = [audit.meta.audit_id for audit in AUDITS]


def fired(recording):
    return {result.audit for result in diagnose(recording).results if result.findings}


def test_every_audit_has_scenarios():
    assert set(IDS) - set(SCENARIOS) == set()


@pytest.mark.parametrize("audit_id", SCENARIOS)
def test_the_affected_recording_is_found_and_nothing_else_is_said(audit_id, tmp_path):
    found = fired(record(tmp_path, SCENARIOS[audit_id][0]))
    assert audit_id in found
    assert found - {audit_id} - ALSO.get(audit_id, set()) == set()


@pytest.mark.parametrize("audit_id", SCENARIOS)
def test_the_healthy_twin_is_left_alone(audit_id, tmp_path):
    assert fired(record(tmp_path, SCENARIOS[audit_id][1])) == set()


@pytest.mark.parametrize("audit_id", SCENARIOS)
def test_no_audit_crashes_on_any_scenario(audit_id, tmp_path):
    diagnosis = diagnose(record(tmp_path, SCENARIOS[audit_id][0]))
    crashed = [(r.audit, r.reason) for r in diagnosis.results if r.outcome is Outcome.ERROR]
    assert crashed == []


@pytest.mark.parametrize(
    ("audit_id", "place"),
    [
        ("n-plus-one-queries", "shop/views.py:12"),
        ("missing-index", "shop/views.py:20"),
        ("duplicate-queries", "shop/views.py:31"),
        ("unbounded-result", "shop/views.py:40"),
        ("slow-external-call", "shop/rates.py:8"),
        ("transaction-open-during-call", "shop/pay.py:9"),
        ("cartesian-product", "shop/admin.py:3"),
        ("chatty-cache", "shop/deals.py:7"),
        ("count-for-pagination", "shop/views.py:50"),
        ("expired-reload", "shop/basket.py:9"),
        ("limit-without-order", "shop/views.py:60"),
        ("missing-timeout", "shop/login.py:4"),
        ("row-by-row-writes", "shop/imports.py:6"),
        ("template-compiled-per-request", "shop/invoice.py:5"),
        ("unreturned-connection", "shop/sizes.py:5"),
        ("write-on-read", "shop/page.py:8"),
        ("serial-calls", "shop/rates.py:14"),
        ("contended-rows", "shop/votes.py:6"),
        ("failing-requests", "shop/orders.py:12"),
        ("unbounded-cache", "shop/labels.py:40"),
        ("growth-with-data", "shop/totals.py:8"),
        ("retry-storm", "shop/rates.py:21"),
        ("duplicate-external-calls", "shop/rates.py:30"),
        ("slow-serialisation", "shop/views.py:3"),
        ("slow-template", "shop/templates/list.html:7"),
        ("slow-query", "shop/feed.py:11"),
        ("unread-rows", "shop/badges.py:9"),
        ("unread-columns", "shop/news.py:7"),
        ("unused-eager-load", "shop/suppliers.py:5"),
        ("multiplied-rows", "shop/stock.py:6"),
    ],
)
def test_a_finding_names_its_line(audit_id, place, tmp_path):
    diagnosis = diagnose(record(tmp_path, SCENARIOS[audit_id][0]))
    [finding] = [one for one in diagnosis.findings if one.audit == audit_id]
    assert str(finding.place) == place


@pytest.mark.parametrize("audit", AUDITS, ids=IDS)
def test_the_page_of_an_audit_has_all_its_sections(audit):
    sections = (
        "What it detects", "Why it matters", "How it is detected", "Known problems", "How to fix", "References",
    )  # fmt: skip
    assert audit.page.startswith(f"{audit.meta.audit_id}: ")
    assert [line[3:] for line in audit.page.splitlines() if line.startswith("## ")] == list(
        sections
    )
