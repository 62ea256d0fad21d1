"""How often slow tests repeat what chance decides: enough for each change, or `make thorough`."""

import os

IS_THOROUGH = os.environ.get("THOROUGH", "") not in {"", "0"}


def repetitions(usual, thorough):
    """Return how often to repeat: the second number with ``THOROUGH=1`` in the environment."""
    return thorough if IS_THOROUGH else usual
