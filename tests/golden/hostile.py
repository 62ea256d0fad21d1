"""Documents made to break a report: markup in every string, sizes and numbers out of hand."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from enum import StrEnum

from flask_assay.model.document import Diagnosis, Series

from .sample import sample

PAYLOADS = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    '"><svg onload=window.pwned=1>',
    "'><iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "</title></style></textarea></pre><script>window.pwned=1</script>",
    "javascript:window.pwned=1",
    "<!--<script>window.pwned=1//-->",
    "{{ 7*7 }}{% raw %}${window.pwned=1}",
    '" autofocus onfocus=window.pwned=1 x="',
    "<link rel=stylesheet href=http://127.0.0.1:9/x.css>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>",
    "<base href=http://127.0.0.1:9/><a href=x>",
    "x;background:url(http://127.0.0.1:9/x.png)",
    "\u2028\u2029\x00\x1b[31m\u202eevil\ud800",
    "<form action=http://127.0.0.1:9/><button autofocus>",
)


def spoil(text: str) -> str:
    """Return a text with a payload; the same text always gets the same one."""
    return text + PAYLOADS[sum(map(ord, text)) % len(PAYLOADS)]


def _spoilt(value, name=""):
    if isinstance(value, StrEnum):
        return value
    if isinstance(value, str):
        if name == "remedy_id" and value.endswith("/1"):
            audit, _, key = value[:-2].partition("/")
            return f"{spoil(audit)}/{spoil(key)}/1"
        return spoil(value)
    if dataclasses.is_dataclass(value):
        made = {f.name: _spoilt(getattr(value, f.name), f.name) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **made)
    if isinstance(value, Mapping):
        return {spoil(k): _spoilt(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return tuple(_spoilt(v) for v in value)
    return value


def hostile() -> Diagnosis:
    """Return the sample with a payload in every string, keys of mappings included."""
    whole = _spoilt(sample())
    # Known part names and quantiles are what a report looks up; hostile ones stand beside them.
    routes = tuple(
        dataclasses.replace(
            bad,
            quantiles_s={**bad.quantiles_s, **good.quantiles_s},
            breakdown_s={**bad.breakdown_s, **good.breakdown_s},
        )
        for bad, good in zip(whole.routes, sample().routes, strict=True)
    )
    return dataclasses.replace(whole, routes=routes, schema_version=1)


def strange_numbers() -> Diagnosis:
    """Return the sample with NaN, infinities, huge, negative and no values wherever a number is."""
    d = sample()
    t = (0.0, math.nan, 1.0, math.inf, 2.0, -5.0, 1e300, 3.0)
    series = (
        Series("p50_s", t, (math.nan, 1.0, 1e308, math.inf, -math.inf, None, 1.0, 5e-324)),
        Series("p95_s", (), ()),
        Series("p99_s", (1.0,), (1.0,)),
        Series("requests_per_s", (0.0, 1.0), (1e14, -1e14)),
        Series("users", (0.0, 1.0), (None, None)),
        Series("cpu_ratio:w", (5.0, 4.0, 4.0), (0.1, 0.2, 0.3)),
        Series("rss_bytes:w", (0.0, 1.0), (0.0, 0.0)),
    )
    bad = (math.nan, math.inf, -math.inf, 0.0, 1e300, -1.0)
    routes = tuple(
        dataclasses.replace(
            r,
            request_count=[0, 10**18, 1][i % 3],
            share_ratio=bad[i % 6],
            mean_s=bad[(i + 1) % 6],
            quantiles_s={} if i == 0 else dict.fromkeys(("p50", "p95", "p99", "max"), bad[i % 6]),
            quantile_low_s=dict.fromkeys(("p50", "p95"), bad[i % 6]),
            quantile_high_s=dict.fromkeys(("p50", "p95"), bad[(i + 3) % 6]),
            histogram=((0.0, 1), (1e-3, 0), (math.inf, 5)) if i % 2 else (),
            breakdown_s=dict.fromkeys(r.breakdown_s, bad[i % 6]),
            statements_mean=bad[(i + 2) % 6],
        )
        for i, r in enumerate(d.routes)
    )
    traces = tuple(
        dataclasses.replace(
            t,
            duration_s=bad[i % 6],
            spans=tuple(
                dataclasses.replace(s, start_s=bad[(i + j) % 6], duration_s=bad[j % 6])
                for j, s in enumerate(t.spans)
            ),
        )
        for i, t in enumerate(d.traces)
    )
    trials = tuple(
        dataclasses.replace(
            t,
            effects=tuple(
                dataclasses.replace(
                    e, change_s=bad[i % 6], low_s=bad[(i + 1) % 6], high_s=bad[(i + 2) % 6]
                )
                for e in t.effects
            ),
            prices=dict.fromkeys(("index_bytes", "write_us_per_row", "x"), bad[i % 6]),
        )
        for i, t in enumerate(d.trials)
    )
    findings = tuple(
        dataclasses.replace(
            f,
            cost_s=bad[i % 6],
            cost_per_request_s=bad[(i + 1) % 6],
            evidence=tuple(
                dataclasses.replace(e, value=bad[i % 6], low=bad[i % 6], high=bad[i % 6])
                for e in f.evidence
            ),
        )
        for i, f in enumerate(d.findings)
    )
    return dataclasses.replace(
        d, series=series, routes=routes, traces=traces, trials=trials, findings=findings
    )


def empty() -> Diagnosis:
    """Return a document of a run that was cut off before anything happened."""
    return Diagnosis(
        1,
        "r",
        "app",
        "2026-11-14T10:15:00Z",
        "partial",
        "It was interrupted in the phase warm-up.",
        "No request reached the steady state.",
        "inconclusive",
        *[()] * 8,
        {},
        {},
        {},
    )


def densest() -> Diagnosis:
    """Return a document whose every list is long and whose every character grows when escaped."""
    d = sample()
    quotes = '"' * 700
    finding = dataclasses.replace(
        d.findings[1],
        title=quotes,
        detail=quotes,
        routes=(quotes,) * 60,
        evidence=(
            dataclasses.replace(d.findings[1].evidence[2], label=quotes, value=quotes, unit=quotes),
        )
        * 60,
        remedies=(dataclasses.replace(d.findings[1].remedies[0], summary=quotes, snippet=quotes),)
        * 60,
    )
    trial = d.trials[2]
    effect = dataclasses.replace(trial.effects[0], route=quotes, oracle_detail=quotes)
    trial = dataclasses.replace(
        trial,
        summary=quotes,
        reason=quotes,
        effects=(effect,) * 60,
        prices={f"{i}{quotes}": 1.0 for i in range(60)},
    )
    statement = dataclasses.replace(
        d.statements[1],
        sql=quotes,
        routes=(quotes,) * 60,
        sites=(quotes,) * 60,
        plan=(quotes,) * 60,
    )
    route = dataclasses.replace(
        d.routes[0], route=quotes, breakdown_s={f"{i}{quotes}": 1.0 for i in range(60)}
    )
    return dataclasses.replace(
        d,
        findings=(finding,) * 60,
        trials=(trial,) * 60,
        statements=(statement,) * 60,
        routes=(route,) * 60,
        warnings=(quotes,) * 60,
    )


@functools.cache
def enormous() -> Diagnosis:
    """Return a document with thousands of everything, long texts among them."""
    d = sample()

    def many(items, n, **changes):
        return tuple(
            dataclasses.replace(
                items[i % len(items)], **{k: make(i) for k, make in changes.items()}
            )
            for i in range(n)
        )

    long = "x" * 20_000
    return dataclasses.replace(
        d,
        headline=d.headline + long,
        findings=many(
            d.findings,
            10_000,
            key=lambda i: f"key {i}",
            detail=lambda i: "why " * 2000,
            sql=lambda i: f"SELECT {i} " + long,
        ),
        routes=many(d.routes, 500, route=lambda i: f"GET /r{i}/" + "y" * 300),
        statements=many(
            d.statements,
            2000,
            statement_id=lambda i: f"q{i}",
            sql=lambda i: "SELECT '" + long,
            plan=lambda i: ("line " * 100,) * 500,
        ),
        traces=many(
            d.traces, 300, route=lambda i: f"GET /r{i}", spans=lambda i: d.traces[0].spans * 60
        ),
        series=tuple(
            Series(f"cpu_ratio:w{i}", tuple(map(float, range(20_000))), (0.5,) * 20_000)
            for i in range(30)
        ),
        trials=many(d.trials, 1000, remedy_id=lambda i: f"a/b{i}/1"),
        environment={f"key {i}": long for i in range(3000)},
        warnings=(long,) * 500,
    )
