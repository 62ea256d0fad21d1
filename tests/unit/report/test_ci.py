import dataclasses
import json
import re
from urllib.parse import unquote

from tests.golden.hostile import empty, enormous, hostile
from tests.golden.sample import sample

from flask_assay.model.finding import Place
from flask_assay.report import annotations, sarif

COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


def _with(n=None, **changes):
    finding = dataclasses.replace(sample().findings[0], **changes)
    findings = (finding,) * (n or 1)
    return dataclasses.replace(sample(), findings=findings, trials=())


def _back(text):
    for code, sign in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, sign)
    return text


def test_a_finding_is_an_annotation_at_its_line():
    first = annotations.render(sample()).splitlines()[0]
    level, properties, message = COMMAND.fullmatch(first).groups()
    assert level == "error"
    assert properties == "file=legacy_shop/serializers.py,line=48,title=n-plus-one-queries"
    assert "−75 ms" in message


def test_eleven_findings_give_ten_annotations_and_a_count():
    lines = annotations.render(_with(11)).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "::notice title=flask-assay::1 more of 11 findings are in the report"
    assert len(annotations.render(_with(10)).splitlines()) == 10


def test_newlines_percents_and_commas_survive_and_start_no_new_command():
    place = Place("a,b:c%\n::error::x.py", 3)
    title = "50 % of\r\n::error::all"
    (line,) = annotations.render(_with(title=title, place=place, remedies=())).splitlines()
    _, properties, message = COMMAND.fullmatch(line).groups()
    assert _back(message) == title
    assert _back(properties.split(",")[0].removeprefix("file=")) == place.file


def test_a_finding_in_no_line_has_no_file():
    (line,) = annotations.render(_with(place=None, remedies=())).splitlines()
    assert line.startswith("::error title=n-plus-one-queries::")


def test_no_finding_gives_no_line():
    assert annotations.render(empty()) == ""


def test_hostile_text_gives_one_line_per_finding():
    assert all(COMMAND.fullmatch(line) for line in annotations.render(hostile()).split("\n")[:-1])


def test_sarif_holds_what_code_scanning_asks_for():
    log = json.loads(sarif.render(sample()))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    rules = run["tool"]["driver"]["rules"]
    for result, finding in zip(run["results"], sample().findings, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.audit
        assert result["level"] in {"error", "warning", "note"}
        assert finding.title in result["message"]["text"]
        assert result["partialFingerprints"]["assayFinding/v1"] == f"{finding.audit}/{finding.key}"
        assert ("locations" in result) is (finding.place is not None)
    region = run["results"][0]["locations"][0]["physicalLocation"]
    assert region == {
        "artifactLocation": {"uri": "legacy_shop/serializers.py"},
        "region": {"startLine": 48},
    }


def test_sarif_addresses_are_encoded_and_lines_count_from_one():
    log = json.loads(sarif.render(_with(place=Place("my shop/ä#1.py", 0))))
    where = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert unquote(where["artifactLocation"]["uri"]) == "my shop/ä#1.py"
    assert " " not in where["artifactLocation"]["uri"]
    assert where["region"]["startLine"] == 1


def test_sarif_holds_no_more_results_than_github_takes():
    assert len(json.loads(sarif.render(enormous()))["runs"][0]["results"]) == sarif.MAX_RESULTS
