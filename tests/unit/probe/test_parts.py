"""The small parts: names, switch, patches, import watch, call sites, path shapes."""

import importlib
import sys
import threading
from pathlib import Path

import pytest

from flask_assay.model.rows import NO_USER_FRAME
from flask_assay.probe import names
from flask_assay.probe.call_sites import CallSites
from flask_assay.probe.imports import ImportWatch
from flask_assay.probe.names import Names
from flask_assay.probe.patches import Patches
from flask_assay.probe.sensors.outbound_http import path_shape
from flask_assay.probe.switch import Switch, around
from flask_assay.recording import wire


def test_a_name_is_written_once_and_before_its_id_is_known():
    written = []
    table = Names(written.append)
    assert table.id("route", "GET /") == 1
    assert table.id("route", "GET /") == 1
    assert table.id("route", "") == 0
    assert written == [wire.name_frame(1, "route", "GET /")]


def test_names_beyond_the_cap_share_one(monkeypatch):
    monkeypatch.setattr(names, "MAX_NAMES_OF_A_KIND", 2)
    table = Names(lambda _: None)
    ids = [table.id("route", f"GET /{i}") for i in range(5)]
    assert ids == [1, 2, 3, 3, 3]


def test_names_of_too_many_characters_share_one(monkeypatch):
    monkeypatch.setattr(names, "MAX_TOTAL_CHARS", 10)
    table = Names(lambda _: None)
    assert [table.id("a", "123456"), table.id("a", "1234567"), table.id("a", "x" * 9)] == [1, 2, 2]


def test_a_name_that_is_not_unicode_is_written_anyway():
    written = []
    Names(written.append).id("path", "caf\udce9")
    assert b"caf?" in written[0]


def test_all_names_can_be_written_again():
    table = Names(lambda _: None)
    table.id("a", "x"), table.id("b", "y")
    assert table.frames() == wire.name_frame(1, "a", "x") + wire.name_frame(2, "b", "y")


def test_threads_agree_on_ids():
    written, seen = [], [[] for _ in range(8)]
    table = Names(written.append)

    def use(found):
        found.extend(table.id("k", f"n{i % 50}") for i in range(2000))

    threads = [threading.Thread(target=use, args=(found,)) for found in seen]
    [t.start() for t in threads], [t.join() for t in threads]
    assert len(written) == 50
    assert all(found == seen[0] for found in seen)


class Calls:
    def __init__(self, error_in=()):
        self.error_in = error_in
        self.seen = []

    def before(self, *args):
        self.seen.append(("before", args))
        if "before" in self.error_in:
            raise RuntimeError("inside the probe")
        return "token"

    def after(self, token, result, raised):
        self.seen.append(("after", token, result, type(raised).__name__))
        if "after" in self.error_in:
            raise RuntimeError("inside the probe")


def test_around_sees_arguments_result_and_exception():
    calls, switch = Calls(), Switch()
    assert around(switch, lambda x: x + 1, calls.before, calls.after)(1) == 2
    with pytest.raises(ZeroDivisionError):
        around(switch, lambda x: x / 0, calls.before, calls.after)(1)
    assert calls.seen[1] == ("after", "token", 2, "NoneType")
    assert calls.seen[3] == ("after", "token", None, "ZeroDivisionError")


@pytest.mark.parametrize("where", ["before", "after"])
def test_an_error_inside_turns_the_sensor_off_and_nothing_else(where):
    calls, switch = Calls({where}), Switch()
    hook = around(switch, lambda x: x + 1, calls.before, calls.after)
    assert [hook(1), hook(2)] == [2, 3]
    assert (switch.on, switch.errors, switch.last_error) == (
        False,
        1,
        "RuntimeError: inside the probe",
    )
    assert len([call for call in calls.seen if call[0] == "before"]) == 1


def test_the_apps_exception_passes_through_a_failing_hook_with_no_context():
    calls = Calls({"after"})
    with pytest.raises(ZeroDivisionError) as caught:
        around(Switch(), lambda: 1 / 0, calls.before, calls.after)()
    assert caught.value.__context__ is None


class Base:
    def method(self):
        return "base"

    @classmethod
    def made(cls):
        return cls.__name__

    @staticmethod
    def plain():
        return "plain"


class Child(Base):
    pass


def test_patches_leave_no_trace():
    before = dict(vars(Base)), dict(vars(Child))
    patches = Patches()
    for owner, name in ((Base, "method"), (Base, "made"), (Base, "plain"), (Child, "method")):
        patches.replace(owner, name, lambda original: lambda *a: ("patched", original(*a)))
    assert Child().method() == ("patched", ("patched", "base"))
    assert Child.made() == ("patched", "Child")
    assert Child.plain() == ("patched", "plain")
    patches.restore()
    assert (dict(vars(Base)), dict(vars(Child))) == before


def test_a_patch_that_someone_wrapped_is_left_in_place():
    class Owner:
        def method(self):
            return 1

    patches = Patches()
    patches.replace(Owner, "method", lambda original: lambda self: original(self) + 0)
    ours = Owner.method
    theirs = lambda self: ours(self) + 1  # noqa: E731
    Owner.method = theirs
    patches.restore()
    assert vars(Owner)["method"] is theirs
    assert Owner().method() == 2


@pytest.fixture
def watch():
    found = ImportWatch()
    found.start()
    yield found
    found.stop()


def test_a_module_is_seen_right_after_its_own_import(watch, tmp_path, monkeypatch):
    (tmp_path / "imported_late.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen = []
    watch.watch("imported_late", lambda module: seen.append(module.value))
    assert seen == []
    module = importlib.import_module("imported_late")
    assert seen == [1]
    assert "exec_module" not in vars(module.__loader__)
    del sys.modules["imported_late"]


def test_a_module_that_is_there_already_is_seen_at_once(watch):
    seen = []
    watch.watch("json", seen.append)
    assert seen == [sys.modules["json"]]


def test_a_module_that_is_not_installed_stays_so(watch):
    watch.watch("no_such_module_at_all", lambda _: None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_module_at_all")


def find(texts, root=None):
    sites = CallSites(root or Path(__file__).parent, lambda text: texts.append(text) or len(texts))
    return sites.find()


def test_the_call_site_is_the_innermost_line_of_the_project():
    texts = []
    assert find(texts) == 1
    assert texts[0].startswith("test_parts.py:")
    assert texts[0].endswith(" find")


def test_code_outside_of_the_project_has_no_call_site(tmp_path):
    texts = []
    assert find(texts, tmp_path) == 1
    assert texts == [NO_USER_FRAME]


def test_installed_packages_below_the_project_are_not_the_users(tmp_path):
    folder = tmp_path / ".venv" / "lib" / "site-packages"
    folder.mkdir(parents=True)
    texts = []
    scope = {"sites": CallSites(tmp_path, lambda text: texts.append(text) or 1)}
    exec(compile("def call(): return sites.find()", str(folder / "lib.py"), "exec"), scope)
    assert scope["call"]() == 1
    assert texts == [NO_USER_FRAME]
    exec(compile("def own(f): return f()", str(tmp_path / "own.py"), "exec"), scope)
    assert scope["own"](scope["call"]) == 1
    assert texts == [NO_USER_FRAME, "own.py:1 own"]


def test_a_template_is_named_with_its_own_line(tmp_path):
    import jinja2

    (tmp_path / "page.html").write_text("one\ntwo\n{% if true %}\n{{ ask() }}{% endif %}\n")
    texts = []
    sites = CallSites(tmp_path, lambda text: texts.append(text) or 1)
    page = jinja2.Environment(loader=jinja2.FileSystemLoader(tmp_path)).get_template("page.html")
    page.render(ask=lambda: sites.find() + 0)
    assert texts == ["page.html:4 template"]


@pytest.mark.parametrize(
    ("url", "shape"),
    [
        ("/orders/17/items?token=secret", "/orders/{}/items"),
        ("https://api.example/v1/users/jane@x.org", "/v1/users/{}"),
        ("/a/3f2b8c1e-0000-4000-8000-000000000000/", "/a/{}/"),
        ("/sk_live_abcdefghijklmnopqrstuvwxyzabcd", "/{}"),
        ("", ""),
    ],
)
def test_a_path_shape_has_no_values(url, shape):
    assert path_shape(url) == shape
