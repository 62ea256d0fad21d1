import hashlib
import json
from importlib import resources

FOLDER = resources.files("flask_assay.report").joinpath("vendor")


def test_what_is_vendored_is_what_its_notice_says():
    notice = json.loads(FOLDER.joinpath("uPlot.json").read_text())
    for name, digest in notice["sha256"].items():
        assert hashlib.sha256(FOLDER.joinpath(name).read_bytes()).hexdigest() == digest
    assert f"v{notice['version']}" in FOLDER.joinpath("uPlot.iife.min.js").read_text()[:200]


def test_the_licence_text_lies_beside_it():
    assert "The MIT License" in FOLDER.joinpath("uPlot.LICENSE").read_text()


def test_nothing_else_is_vendored():
    assert sorted(p.name for p in FOLDER.iterdir() if p.is_file()) == [
        "uPlot.LICENSE",
        "uPlot.iife.min.js",
        "uPlot.json",
        "uPlot.min.css",
    ]
