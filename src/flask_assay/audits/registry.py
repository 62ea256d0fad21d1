"""Every audit, one line each; the order is the order in which they run."""

from types import ModuleType

from flask_assay.audits.audit import Audit
from flask_assay.audits.checks import (
    n_plus_one_queries,
)

__all__ = ["AUDITS"]

_MODULES: tuple[ModuleType, ...] = (n_plus_one_queries,)

AUDITS: tuple[Audit, ...] = tuple(
    Audit(module.META, module.audit, module.__doc__ or "") for module in _MODULES
)
