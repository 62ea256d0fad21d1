"""Let a process of the same user look into this one.

Where Yama's ``ptrace_scope`` is 1, as on Ubuntu, only ancestors may, and a sampler is none.
"""

import ctypes

__all__ = ["let_others_look"]

_PR_SET_PTRACER = 0x59616D61
_ANY = ctypes.c_ulong(-1)


def let_others_look() -> None:
    """Permit it; where the kernel has no such rule (no Yama) or forbids it, nothing happens."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANY, 0, 0, 0)
    except (OSError, AttributeError):  # another libc, or none to load
        return
