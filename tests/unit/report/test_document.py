import dataclasses
import inspect
import json
import math

import pytest
from tests.golden.hostile import empty, hostile
from tests.golden.sample import sample

from flask_assay.errors import RecordingError
from flask_assay.model.document import Diagnosis, Series
from flask_assay.report import document


@pytest.mark.parametrize("make", [sample, empty, hostile])
def test_a_document_survives_the_way_through_json(make):
    d = make()
    assert document.from_json(document.to_json(d)) == _as_json_would(d)


def _as_json_would(value):
    """Free-form mappings come back with lists for tuples; nothing else may change."""
    return dataclasses.replace(
        value,
        environment=_lists(value.environment),
        load=_lists(value.load),
        overhead=_lists(value.overhead),
        trials=tuple(dataclasses.replace(t, parameters=_lists(t.parameters)) for t in value.trials),
        findings=_findings(value.findings),
        results=tuple(
            dataclasses.replace(r, findings=_findings(r.findings)) for r in value.results
        ),
    )


def _findings(findings):
    return tuple(
        dataclasses.replace(
            f,
            remedies=tuple(
                dataclasses.replace(r, parameters=_lists(r.parameters)) for r in f.remedies
            ),
        )
        for f in findings
    )


def _lists(value):
    if isinstance(value, dict):
        return {k: _lists(v) for k, v in value.items()}
    return [_lists(v) for v in value] if isinstance(value, tuple | list) else value


def test_numbers_that_json_lacks_come_back_as_they_were():
    series = Series("x", (0.0, math.inf), (math.nan, -math.inf))
    text = document.to_json(dataclasses.replace(sample(), series=(series,)))
    assert "NaN" in json.loads(text)["series"][0]["values"]
    (back,) = document.from_json(text).series
    assert back.t_s == (0.0, math.inf)
    assert math.isnan(back.values[0])
    assert back.values[1] == -math.inf


def test_the_json_is_strict():
    def refuse(constant):
        raise AssertionError(constant)

    d = dataclasses.replace(sample(), series=(Series("x", (math.nan,), (math.inf,)),))
    json.loads(document.to_json(d), parse_constant=refuse)


def test_keys_of_a_later_version_are_left_aside():
    data = json.loads(document.to_json(sample()))
    data["routes"][0]["colour"] = "red"
    assert document.from_json(json.dumps(data)) == document.from_json(document.to_json(sample()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema_version=99), "schema version 99, not 1"),
        (lambda d: d.pop("routes"), "diagnosis.routes"),
        (
            lambda d: d["routes"][0].update(request_count="many"),
            r"diagnosis.routes\[0\].request_count",
        ),
        (
            lambda d: d["routes"][0].update(request_count=True),
            r"diagnosis.routes\[0\].request_count",
        ),
        (lambda d: d["findings"][0].update(severity="fatal"), "'fatal' at diagnosis"),
        (lambda d: d.update(findings={}), "at diagnosis.findings"),
        (lambda d: d["routes"][0]["histogram"].append([1.0]), "histogram"),
        (lambda d: d["routes"][0].update(quantiles_s=[]), "quantiles_s"),
        (lambda d: d["findings"].append("x"), r"diagnosis.findings\[8\]"),
    ],
)
def test_a_document_with_a_fault_is_refused_with_the_place_of_the_fault(change, message):
    data = json.loads(document.to_json(sample()))
    change(data)
    with pytest.raises(RecordingError, match=message):
        document.from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema_version": null}'])
def test_what_is_no_document_is_refused(text):
    with pytest.raises(RecordingError, match="diagnosis document"):
        document.from_json(text)


def test_the_published_schema_is_that_of_the_dataclasses():
    assert json.loads(document.published_schema()) == document.make_schema()


def test_fields_are_described_whether_docstrings_keep_their_indentation_or_not():
    words = document._attribute_words(Diagnosis.__doc__)
    assert words["run_id"] == "Of the recording."
    assert document._attribute_words(inspect.cleandoc(Diagnosis.__doc__)) == words


def test_the_schema_describes_the_document_it_was_made_for():
    schema = document.make_schema()
    _check(json.loads(document.to_json(sample())), schema, schema["$defs"])


def test_the_schema_refuses_what_is_wrong():
    data, schema = json.loads(document.to_json(sample())), document.make_schema()
    data["findings"][0]["place"]["line"] = "12"
    with pytest.raises(AssertionError):
        _check(data, schema, schema["$defs"])


def _check(value, schema, definitions):
    """Apply the few keywords that our schema uses."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        assert any(_fits(value, s, definitions) for s in schema["anyOf"]), (value, schema)
        return
    if "enum" in schema:
        assert value in schema["enum"]
        return
    types = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "number": (int, float),
        "integer": int,
        "null": type(None),
    }
    if "type" in schema:
        assert isinstance(value, types[schema["type"]]), (value, schema)
    for key in schema.get("required", ()):
        assert key in value
    for key, item in schema.get("properties", {}).items():
        _check(value[key], item, definitions)
    if "additionalProperties" in schema:
        for item in value.values():
            _check(item, schema["additionalProperties"], definitions)
    if "prefixItems" in schema:
        for item, of in zip(value, schema["prefixItems"], strict=True):
            _check(item, of, definitions)
    elif "items" in schema:
        for item in value:
            _check(item, schema["items"], definitions)


def _fits(value, schema, definitions):
    try:
        _check(value, schema, definitions)
    except AssertionError:
        return False
    return True
