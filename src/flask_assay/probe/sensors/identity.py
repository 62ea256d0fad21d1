"""Identity: whether a request read who sent it.

It errs on the side of "it did": equal answers prove nothing while the code looks at the user.
Session use shows in ``Vary: Cookie`` (sensor requests); here, reads of credential headers.
"""

from types import ModuleType
from typing import Any

from flask_assay.model.rows import RequestFlag
from flask_assay.probe.wiring import Sensor, Wiring

__all__ = ["SENSOR"]

_CREDENTIALS = frozenset(
    {"authorization", "x-api-key", "x-auth-token", "x-access-token", "x-user-id", "api-key"}
)
_IDENTITY_READ = int(RequestFlag.IDENTITY_READ)


def _install(wiring: Wiring, module: ModuleType) -> None:
    recorder = wiring.recorder

    def before(headers: Any, key: Any, *_args: Any, **_kwargs: Any) -> None:
        if isinstance(key, str) and key.lower().replace("_", "-") in _CREDENTIALS:
            work = recorder.work()
            if work is not recorder.background:
                work.flags |= _IDENTITY_READ

    # Older releases read everything through __getitem__, newer ones through _get_key.
    owner = module.EnvironHeaders
    name = "_get_key" if "_get_key" in vars(owner) else "__getitem__"
    wiring.around(owner, name, before, lambda *_: None)


SENSOR = Sensor("identity", {"werkzeug.datastructures.headers": _install})
