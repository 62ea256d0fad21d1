"""Every audit, one line each; the order is the order in which they run."""

from types import ModuleType

from flask_assay.audits.audit import Audit
from flask_assay.audits.checks import (
    blocking_driver,
    cartesian_product,
    chatty_cache,
    contended_rows,
    count_for_pagination,
    debug_settings,
    duplicate_queries,
    expired_reload,
    failing_requests,
    hot_function,
    identity_blind_cache,
    limit_without_order,
    memory_growth,
    missing_index,
    missing_timeout,
    n_plus_one_queries,
    oversized_response,
    pool_starvation,
    redundant_index,
    row_by_row_writes,
    serial_calls,
    slow_external_call,
    template_compiled_per_request,
    transaction_open_during_call,
    unbounded_cache,
    unbounded_result,
    uncached_response,
    unread_columns,
    unread_rows,
    unreturned_connection,
    unused_eager_load,
    unvalidated_response,
    worker_mismatch,
    write_on_read,
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
    cartesian_product,
    chatty_cache,
    count_for_pagination,
    debug_settings,
    expired_reload,
    hot_function,
    identity_blind_cache,
    limit_without_order,
    memory_growth,
    missing_timeout,
    row_by_row_writes,
    template_compiled_per_request,
    unreturned_connection,
    worker_mismatch,
    write_on_read,
    blocking_driver,
    contended_rows,
    oversized_response,
    redundant_index,
    serial_calls,
    unvalidated_response,
    unread_rows,
    unread_columns,
    unused_eager_load,
    failing_requests,
    unbounded_cache,
)

AUDITS: tuple[Audit, ...] = tuple(
    Audit(module.META, module.audit, module.__doc__ or "") for module in _MODULES
)
