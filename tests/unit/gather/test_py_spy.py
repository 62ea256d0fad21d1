"""What py-spy writes becomes stacks as the probe spells them."""

from pathlib import Path

import pytest

import flask_assay
from flask_assay.gather import py_spy
from flask_assay.gather.py_spy import PySpy, stacks_of
from flask_assay.probe.stacks import NO_ENDPOINT

ROOT = Path("/app")
LIB = "/usr/lib/python3.11/site-packages"
SERVE = f"Worker.run (/x/gunicorn/workers/sync.py:9);Flask.wsgi_app ({LIB}/flask/app.py:1500)"
VIEW = f"{SERVE};EP:shop.list (/x/y.py:3)"


def test_frames_after_the_endpoints_are_named_as_in_process():
    line = f"{VIEW};list.<locals>.inner (/app/shop/views.py:12);Query.all ({LIB}/sqlalchemy/orm/query.py:7) 5"

    stacks, unattributed, outside = stacks_of([line], ROOT)

    assert stacks == {"shop.list;shop/views.py:12 inner;sqlalchemy:Query.all": 20_000}
    assert (unattributed, outside) == (0, 0)


def test_equal_stacks_add_up_and_own_frames_are_left_out():
    ours = str(Path(flask_assay.__file__).parent / "probe" / "samplers.py")
    lines = [f"{VIEW};f (/app/a.py:1) 2", f"{VIEW};f (/app/a.py:1);on_signal ({ours}:9) 1"]

    assert stacks_of(lines, ROOT)[0] == {"shop.list;a.py:1 f": 12_000}


def test_a_hook_belongs_to_no_endpoint_and_the_server_to_no_request():
    lines = [f"{SERVE};load_user (/app/auth.py:4) 3", "Worker.run (/x/gunicorn/sync.py:9) 7"]

    stacks, unattributed, outside = stacks_of(lines, ROOT)

    assert [key.split(";")[0] for key in stacks] == [NO_ENDPOINT]
    assert (unattributed, outside) == (3, 7)


def test_a_template_keeps_its_name_but_no_line():
    line = f"{VIEW};root (/app/templates/list.html:88) 1"

    assert list(stacks_of([line], ROOT)[0]) == ["shop.list;jinja2:templates/list.html"]


@pytest.mark.parametrize(
    "line", ["", "py-spy> Wrote 3", "no count here x", " 5", "EP:a;b (c) 2", "EP: 1", "f () 4"]
)
def test_any_other_line_breaks_nothing(line):
    stacks, _, _ = stacks_of([line], ROOT)

    assert all(weight > 0 for weight in stacks.values())


def test_no_sample_is_no_document():
    assert PySpy(lines=["Worker.run (/x/gunicorn/sync.py:9) 7"]).document(ROOT) == {}


def test_the_document_holds_the_facts_that_the_report_reads():
    found = PySpy(lines=[f"{VIEW};f (/app/a.py:1) 2", f"{SERVE} 1", "x (y.py:1) 4"]).document(ROOT)

    assert found.pop("stacks")
    assert found == {
        "sampler": "py-spy", "interval_s": 0.004, "samples": 3, "unattributed": 1, "outside": 4
    }  # fmt: skip


def test_what_is_not_installed_is_named_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(py_spy, "find", lambda: None)

    with py_spy.spied(None, 1, tmp_path) as seen:
        pass

    assert "pip install 'flask-assay[profile]'" in seen.reason
