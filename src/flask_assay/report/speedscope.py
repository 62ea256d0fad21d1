"""A profile as a speedscope file: one "sampled" profile per endpoint, opened at speedscope.app."""

import json
import re

from flask_assay.model.document import EndpointProfile, Profile, ProfileFrame

__all__ = ["render"]

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_USER = re.compile(r"(?P<file>.+):(?P<line>\d+) (?P<name>.+)")


def render(profile: Profile, *, name: str) -> str:
    """Return the JSON text of the file.

    Args:
        profile: Weights become seconds of CPU. Order in time is not known: heaviest first.
        name: Of the file, as speedscope shows it.
    """
    return json.dumps(
        {
            "$schema": SCHEMA,
            "version": "1.0.0",
            "exporter": "flask-assay",
            "name": name,
            "activeProfileIndex": 0,
            "shared": {"frames": [_frame(frame) for frame in profile.frames]},
            "profiles": [_profile(one) for one in profile.endpoints],
        },
        allow_nan=False,
        separators=(",", ":"),
    )


def _frame(frame: ProfileFrame) -> dict[str, object]:
    found = _USER.fullmatch(frame.text) if frame.kind == "user" else None
    if found is None:
        return {"name": frame.text}
    return {"name": found["name"], "file": found["file"], "line": int(found["line"])}


def _profile(one: EndpointProfile) -> dict[str, object]:
    weights = [round(stack.cpu_s, 6) for stack in one.stacks]
    return {
        "type": "sampled",
        "name": f"{one.endpoint} {', '.join(one.routes)}".strip(),
        "unit": "seconds",
        "startValue": 0,
        "endValue": round(sum(weights), 6),
        "samples": [list(stack.frames) for stack in one.stacks],
        "weights": weights,
    }
