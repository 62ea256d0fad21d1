"""Every audit, one line each; the order is the order in which they run."""

from types import ModuleType

from flask_assay.audits.audit import Audit
from flask_assay.audits.checks import (
    duplicate_queries,
    missing_index,
    n_plus_one_queries,
    pool_starvation,
    slow_external_call,
    transaction_open_during_call,
    unbounded_result,
    uncached_response,
)

__all__ = ["AUDITS"]

_MODULES: tuple[ModuleType, ...] = (
    n_plus_one_queries,
    missing_index,
    duplicate_queries,
    unbounded_result,
    uncached_response,
    slow_external_call,
    transaction_open_during_call,
    pool_starvation,
)

AUDITS: tuple[Audit, ...] = tuple(
    Audit(module.META, module.audit, module.__doc__ or "") for module in _MODULES
)
