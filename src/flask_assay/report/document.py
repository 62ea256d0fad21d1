"""``Diagnosis`` to JSON and back without loss, and the JSON schema of that document.

Both directions and the schema are derived from the dataclasses, so that the three cannot drift.
JSON has no NaN and no infinities; as in protobuf's JSON mapping they are written as the strings
"NaN", "Infinity" and "-Infinity".
"""

import inspect
import json
import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from importlib import resources
from typing import Any, cast

from flask_assay.errors import RecordingError
from flask_assay.model.document import SCHEMA_VERSION, Diagnosis

__all__ = ["from_json", "make_schema", "published_schema", "to_json"]

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_SCALARS: Mapping[object, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (int, float),
}


def to_json(diagnosis: Diagnosis, *, indent: int | None = 1) -> str:
    """Return the document as JSON text.

    Args:
        diagnosis: The document.
        indent: Spaces per level; None gives one line.

    Raises:
        TypeError: If a free-form mapping holds something that JSON cannot carry.
    """
    return json.dumps(_plain(diagnosis), allow_nan=False, indent=indent)


def from_json(text: str) -> Diagnosis:
    """Return the document that ``to_json`` wrote. Keys that we do not know are left aside.

    Raises:
        RecordingError: If the text is not JSON, not such a document, or of another schema version.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise RecordingError(
            f"the diagnosis document is not JSON: {error}",
            why="It may have been cut off, or edited by hand.",
            todo="Render it again from the recording: flask assay report RECORDING",
        ) from error
    if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
        found = data.get("schema_version") if isinstance(data, dict) else type(data).__name__
        raise RecordingError(
            f"the diagnosis document has schema version {found}, not {SCHEMA_VERSION}",
            why="Another version of flask-assay wrote it.",
            todo="Diagnose the recording again with this version: flask assay report RECORDING",
        )
    return cast("Diagnosis", _dataclass(Diagnosis, data, "diagnosis"))


def published_schema() -> str:
    """Return the JSON schema (draft 2020-12) that ships with the package."""
    return (
        resources.files(__package__).joinpath("diagnosis.schema.json").read_text(encoding="utf-8")
    )


def make_schema() -> dict[str, object]:
    """Return the JSON schema of the document, derived from the dataclasses."""
    definitions: dict[str, object] = {}
    root = _schema(Diagnosis, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "flask-assay diagnosis",
        **cast("dict[str, object]", root),
        "$defs": dict(sorted(definitions.items())),
    }


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else _name_of(value)
    return value.value if isinstance(value, StrEnum) else value


def _name_of(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _refuse(path: str, wanted: object, value: object) -> RecordingError:
    name = getattr(wanted, "__name__", str(wanted))
    return RecordingError(
        f"the diagnosis document holds {value!r:.60} at {path}, where {name} belongs",
        why="It may have been edited by hand, or written by a development version.",
        todo="Diagnose the recording again with this version: flask assay report RECORDING",
    )


def _build(kind: Any, value: object, path: str) -> object:
    if kind is object:
        return value
    if is_dataclass(kind):
        return _dataclass(cast("type", kind), value, path)
    origin = typing.get_origin(kind)
    if origin is types.UnionType:
        return _union(typing.get_args(kind), value, path)
    if origin is tuple:
        return _tuple(kind, value, path)
    if origin is not None:
        return _mapping(kind, value, path)
    return _scalar(kind, value, path)


def _dataclass(kind: type, value: object, path: str) -> object:
    if not isinstance(value, dict):
        raise _refuse(path, kind, value)
    hints = typing.get_type_hints(kind)
    arguments = {}
    for f in fields(kind):
        if f.name in value:
            arguments[f.name] = _build(hints[f.name], value[f.name], f"{path}.{f.name}")
        elif _is_required(f):
            raise _refuse(f"{path}.{f.name}", kind, None)
    return kind(**arguments)


def _is_required(f: "Field[Any]") -> bool:
    return f.default is MISSING and f.default_factory is MISSING


def _union(kinds: tuple[Any, ...], value: object, path: str) -> object:
    if value is None and type(None) in kinds:
        return None
    if isinstance(value, str) and str in kinds:
        return value
    return _build(next(k for k in kinds if k not in (type(None), str)), value, path)


def _tuple(kind: Any, value: object, path: str) -> tuple[object, ...]:
    kinds = typing.get_args(kind)
    if not isinstance(value, list):
        raise _refuse(path, kind, value)
    if kinds[-1] is Ellipsis:
        return tuple(_build(kinds[0], item, f"{path}[{i}]") for i, item in enumerate(value))
    if len(value) != len(kinds):
        raise _refuse(path, kind, value)
    return tuple(_build(k, v, path) for k, v in zip(kinds, value, strict=True))


def _mapping(kind: Any, value: object, path: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _refuse(path, kind, value)
    of = typing.get_args(kind)[1]
    return {key: _build(of, item, f"{path}.{key}") for key, item in value.items()}


def _scalar(kind: Any, value: object, path: str) -> object:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        try:
            return kind(cast("str", value))
        except ValueError:
            raise _refuse(path, kind, value) from None
    if kind is float and isinstance(value, str) and value in _NON_FINITE:
        return _NON_FINITE[value]
    if not isinstance(value, _SCALARS[kind]) or (isinstance(value, bool) and kind is not bool):
        raise _refuse(path, kind, value)
    return value


def _schema(kind: Any, definitions: dict[str, object]) -> object:
    origin, kinds = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        return _dataclass_schema(cast("type", kind), definitions)
    if origin is types.UnionType:
        return {"anyOf": [_schema(k, definitions) for k in kinds]}
    if origin is tuple and kinds[-1] is Ellipsis:
        return {"type": "array", "items": _schema(kinds[0], definitions)}
    if origin is tuple:
        prefix = [_schema(k, definitions) for k in kinds]
        return {"type": "array", "prefixItems": prefix, "items": False}
    if origin is not None:
        return {"type": "object", "additionalProperties": _schema(kinds[1], definitions)}
    return _scalar_schema(kind)


def _dataclass_schema(kind: type, definitions: dict[str, object]) -> object:
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # a type that holds itself ends here
        hints, words = typing.get_type_hints(kind), _attribute_words(kind.__doc__ or "")
        definitions[kind.__name__] = {
            "type": "object",
            "description": (kind.__doc__ or "").partition("\n")[0],
            "properties": {
                f.name: {
                    **cast("dict[str, object]", _schema(hints[f.name], definitions)),
                    **({"description": words[f.name]} if f.name in words else {}),
                }
                for f in fields(kind)
            },
            "required": [f.name for f in fields(kind)],
        }
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _attribute_words(docstring: str) -> dict[str, str]:
    even = inspect.cleandoc(docstring)  # Python 3.13 compiles docstrings without their indentation
    pairs = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", even, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in pairs}


def _scalar_schema(kind: Any) -> object:
    if kind is object:
        return {}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"enum": [member.value for member in kind]}
    if kind is float:
        return {"anyOf": [{"type": "number"}, {"enum": [*_NON_FINITE]}]}
    names = {str: "string", bool: "boolean", int: "integer", type(None): "null"}
    return {"type": names[kind]}
