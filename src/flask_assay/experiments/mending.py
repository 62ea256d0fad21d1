"""Remedies that make something right instead of fast: timeouts, and keys of caches.

What is wrong is provoked first, on a copy of the data, and then provoked again with the remedy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask_assay.errors import AssayError
from flask_assay.experiments.arms import BASE, ArmPlan
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.launch import Bench, Host
from flask_assay.experiments.replay import Answer, SentRequest
from flask_assay.gather.lab import Lab
from flask_assay.model.clock import Clock
from flask_assay.model.effect import Trial, TrialOutcome

__all__ = ["STALLED_S", "TIMEOUT_S", "try_mending"]

TIMEOUT_S = 0.5
"""The timeout that a call is given in the trial, whatever is proposed: it shortens the trial."""

STALLED_S = 3.0
"""So long an answer is waited for before it is said that there is none.

More than four times the timeout: urllib3 tries four times, if it is not told otherwise.
"""

_MOST_REQUESTS = 4
_MOST_IDENTITIES = 8
_REMEDIED, _TRUTH = "remedied", "truth"
_NO_REQUEST = "its requests, sent again, were not answered as they were under load"


def try_mending(
    lab: Lab,
    each: Hypothesis,
    requests: Mapping[str, Sequence[SentRequest]],
    *,
    clock: Clock,
    on_step: Callable[[str], None],
) -> Trial:
    """Return whether a remedy mends what it is meant to.

    Args:
        lab: After a load; no target may be up.
        each: The remedy.
        requests: Route → requests that could be sent again.
        clock: Source of time.
        on_step: Told what is going on.
    """
    on_step(f"experiment: {each.remedy.summary} ({', '.join(sorted(each.routes))})")
    tried = [one for route in sorted(each.routes) for one in requests.get(route, ())]
    arms = _ARMS[each.remedy.intervention](each.remedy.parameters)
    begin = clock.monotonic_ns()
    copy = lab.copy(f"m{lab.next_number()}")
    try:
        host = Host(
            Bench(
                lab,
                copy,
                tuple((each.remedy.intervention, values) for _, values in arms),
                (),
                {},
                clock,
            ),
            [
                ArmPlan(BASE, (), each.routes, copy.databases),
                *(
                    ArmPlan(name, (), each.routes, copy.databases, changes=frozenset({number}))
                    for number, (name, _) in enumerate(arms)
                ),
            ],
        )
        try:
            outcome, reason = _TRIES[each.remedy.intervention](host, tried)
        finally:
            host.stop()
    except AssayError as error:
        outcome, reason = TrialOutcome.NOT_TRIED, error.what
    finally:
        lab.discard(copy)
    spent_s = (clock.monotonic_ns() - begin) / 1e9
    return replace(each.untried(reason, outcome), duration_s=spent_s)


def _timeout_arms(parameters: Mapping[str, Any]) -> list[tuple[str, dict[str, object]]]:
    call = {name: parameters[name] for name in ("endpoint", "target")}
    return [("stalled", call), (_REMEDIED, {**call, "timeout_s": TIMEOUT_S})]


def _try_timeout(host: Host, requests: Sequence[SentRequest]) -> tuple[TrialOutcome, str]:
    """Let the service fall silent: first with a timeout, then as the call is now."""
    patient = host.impatient(STALLED_S)
    concerned = None
    answers: list[Answer] = []
    for request in requests:
        if len(answers) == _MOST_REQUESTS:
            break
        if patient.send(request, arm=BASE).status // 100 != request.status // 100:
            continue
        answer = patient.send(request, arm=_REMEDIED)
        if answer.wall_s >= TIMEOUT_S or answer.status == 0:  # the call was made
            concerned = request
            answers.append(answer)
    if concerned is None:
        return TrialOutcome.NOT_REPRODUCED, (
            "no request that could be sent again made the call" if requests else _NO_REQUEST
        )
    now = host.impatient(STALLED_S).send(concerned, arm="stalled")
    ended = [answer for answer in answers if answer.status]
    if now.status or not ended:
        seconds = f"{now.wall_s:.1f} s" if now.status else f"{STALLED_S:g} s, timeout or not"
        return TrialOutcome.NO_EFFECT, f"with the service silent, the request ended after {seconds}"
    statuses = sorted({answer.status for answer in ended})
    caught = "" if statuses[-1] < 500 else " The error is not caught: decide what to answer then."
    return TrialOutcome.MENDED, (
        f"With the service silent, there was no answer within {STALLED_S:g} s; with a timeout of "
        f"{TIMEOUT_S:g} s {len(ended)} of {len(answers)} requests ended, the slowest after "
        f"{max(answer.wall_s for answer in ended):.2f} s, with status "
        f"{', '.join(map(str, statuses))}.{caught}"
    )


def _key_arms(parameters: Mapping[str, Any]) -> list[tuple[str, dict[str, object]]]:
    call = {"endpoint": parameters["endpoint"]}
    return [(_REMEDIED, call), (_TRUTH, {**call, "fresh": True})]


def _try_key(host: Host, requests: Sequence[SentRequest]) -> tuple[TrialOutcome, str]:
    """Ask as several users, with the app's own keys and with the user in them."""
    by_identity = {_identity(request): request for request in requests}
    asked = []
    for request in list(by_identity.values())[:_MOST_IDENTITIES]:
        truth = host.client.send(request, arm=_TRUTH)
        if truth.status == 200 and request.status == 200:
            asked.append((request, truth.body))
    if len({body for _, body in asked}) < 2:
        return TrialOutcome.NOT_REPRODUCED, "no two users could be asked whose answers differ"
    wrong = {
        arm: sum(
            host.client.send(request, arm=arm).body != body
            for _ in range(2)
            for request, body in asked
        )
        for arm in (BASE, _REMEDIED)
    }
    told = (
        f"{len(asked)} users asked twice each got {wrong[BASE]} answers that were not theirs; "
        f"with who asks in the key {wrong[_REMEDIED]}."
    )
    if not wrong[BASE]:
        return TrialOutcome.NOT_REPRODUCED, told
    return (TrialOutcome.NO_EFFECT if wrong[_REMEDIED] else TrialOutcome.MENDED), told


def _identity(request: SentRequest) -> tuple[str, ...]:
    sent = {name.lower(): value for name, value in request.headers}
    return sent.get("authorization", ""), sent.get("cookie", "")


_ARMS: Mapping[str, Callable[[Mapping[str, Any]], list[tuple[str, dict[str, object]]]]] = {
    "timeout": _timeout_arms,
    "identity-key": _key_arms,
}
_TRIES: Mapping[str, Callable[[Host, Sequence[SentRequest]], tuple[TrialOutcome, str]]] = {
    "timeout": _try_timeout,
    "identity-key": _try_key,
}
