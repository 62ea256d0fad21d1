"""What if a call, or what is written to one table, were left to a task queue?

Simulated: the work is left out and costs what a round trip to a queue takes. It is not saved, it
is moved to another process.
"""

import re
import time
from typing import Any

from flask_assay.experiments.interventions import external_what_if
from flask_assay.experiments.interventions.stand_in import (
    Executor,
    IsOn,
    Parameters,
    StandInCursor,
    Undo,
    always,
    intercept,
    on_endpoint,
)

__all__ = ["ENQUEUE_S", "apply"]

# Assumed, and stated with the effect: a round trip to a broker on the same network.
ENQUEUE_S = 0.001
_WRITE = r'\s*(?:insert\s+into|update|delete\s+from)\s+(?:only\s+)?(?:"?\w+"?\.)?"?{table}"?(?!\w)'


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Replace the work from now on.

    Parameters: "endpoint" and "target": method and host of a call, or the name of a table.
    """
    target = str(parameters["target"])
    if " " in target:
        return external_what_if.apply(app, {**parameters, "delay_s": ENQUEUE_S}, is_on)
    is_here = on_endpoint(parameters["endpoint"], is_on)
    is_write = re.compile(_WRITE.format(table=re.escape(target)), re.IGNORECASE).match

    def around(execute: Executor, cursor: Any, statement: str, values: Any, context: Any) -> None:
        # rows that the statement gives back may be needed for the response
        if context is None or not is_write(statement) or "returning" in statement.lower():
            execute(cursor, statement, values, context)
        elif is_here():
            time.sleep(ENQUEUE_S)  # noqa: TID251 - what the enqueueing is said to take
            context.cursor = StandInCursor(cursor, None, (), rowcount=1)
        else:
            execute(cursor, statement, values, context)

    return intercept(around)
