"""Change the number in the one line that gives the pool its size."""

import re
from collections.abc import Mapping
from pathlib import Path

from flask_assay.errors import UsageError
from flask_assay.experiments.patches.patch import Patch
from flask_assay.experiments.patches.sources import lines_of, read_source

__all__ = ["patch"]


def patch(
    root: Path, parameters: Mapping[str, object], places: Mapping[str, Mapping[str, object]]
) -> Patch:
    """Return the patch.

    Args:
        root: The project.
        parameters: "pool_size".
        places: File and line by setting, as ``app.json`` has them.

    Raises:
        UsageError: If the line is not known, or holds no number.
    """
    place = places.get("pool_size")
    if not place:
        raise UsageError(
            "the line that sets pool_size is not certain",
            todo="Set it in SQLALCHEMY_ENGINE_OPTIONS or create_engine().",
        )
    file, number = str(place["file"]), int(str(place["line"]))
    source = read_source(root / file, file)
    lines = lines_of(source.text)
    pattern = r"(\bpool_size\b[\"']?\s*[:=]\s*)\d+"
    line = lines[number - 1] if number <= len(lines) else ""
    changed, count = re.subn(pattern, rf"\g<1>{parameters['pool_size']}", line)
    if count != 1:
        raise UsageError(
            f"{file}:{number} no longer sets pool_size to a number",
            todo="The recording may be of an older version of the app: flask assay run.",
        )
    lines[number - 1] = changed
    return Patch(file, source.text, "".join(lines), encoding=source.encoding)
