"""Which server is launched before it is known which one is needed, and what becomes of it."""

import json

import pytest

from flask_assay.errors import ServiceError
from flask_assay.sandbox import early, facts, kept_templates
from flask_assay.sandbox.early import EarlyServer, forget, project_key, remember
from flask_assay.sandbox.kept_templates import KeptTemplates
from flask_assay.sandbox.start_use import StartUse


class Server:
    is_running = True
    stops = 0

    def stop(self):
        self.stops += 1


class Supervisor:
    def __init__(self, cache):
        self.run = self
        self.cache = cache


@pytest.fixture
def launched(monkeypatch):
    """What was asked for, in place of real servers."""
    asked = []

    def begin(_supervisor, **named):
        asked.append(named)
        return Server()

    monkeypatch.setattr(early, "begin_postgres", begin)
    return asked


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A cache that has one template."""
    monkeypatch.setattr(kept_templates, "postgres_version", lambda: "18.6")
    cache, beside = tmp_path / "cache", tmp_path / "cluster"
    cache.mkdir()
    beside.mkdir()
    (beside / "PG_VERSION").write_text("18\n")
    KeptTemplates(cache).keep(beside, {"templates": []}, "abc")
    return cache


def test_a_session_launches_what_the_last_one_of_its_project_used(kept, launched):
    remember(kept, "shop", "abc")
    server = EarlyServer.launch(Supervisor(kept), "shop")
    assert server.digest == "abc"
    assert [each["cluster"].name for each in launched] == [f"template-abc-{facts.VERSION}-18-6"]
    assert launched[0]["size_bytes"] == 3


def test_a_first_session_launches_nothing(kept, launched):
    assert EarlyServer.launch(Supervisor(kept), "shop") is None
    assert not launched


def test_after_a_session_that_needed_no_database_nothing_is_launched(kept, launched):
    remember(kept, "shop", "abc")
    forget(kept, "shop")
    forget(kept, "shop")
    early_server = EarlyServer.launch(Supervisor(kept), "shop")
    assert not launched
    assert early_server.digest == "abc"  # what an app may meet that connects while it is made
    assert early_server.taken_for("abc") is None


def test_a_session_that_needed_a_database_again_has_the_next_one_launch_early(kept, launched):
    remember(kept, "shop", "abc")
    forget(kept, "shop")
    remember(kept, "shop", "abc")
    assert EarlyServer.launch(Supervisor(kept), "shop").digest == "abc"
    assert len(launched) == 1


def test_forgetting_what_nobody_remembered_is_no_error(kept, launched):
    forget(kept, "shop")
    assert EarlyServer.launch(Supervisor(kept), "shop") is None


def test_a_template_that_made_room_launches_nothing(kept, launched):
    remember(kept, "shop", "gone")
    assert EarlyServer.launch(Supervisor(kept), "shop") is None
    assert not launched


def test_a_template_that_lost_a_file_is_no_template(kept):
    (found,) = kept.glob("template-*-18-6")
    (found / "PG_VERSION").unlink()
    assert KeptTemplates(kept).find("abc") is None


def test_a_torn_description_is_no_template(kept):
    (found,) = kept.glob("template-*.json")
    found.write_text(json.dumps({"templates": []})[:-3])
    assert KeptTemplates(kept).find("abc") is None


def test_what_goes_wrong_early_is_told_when_the_server_is_needed(kept, monkeypatch):
    def begin(*_, **__):
        raise ServiceError("no room")

    monkeypatch.setattr(early, "begin_postgres", begin)
    remember(kept, "shop", "abc")
    assert EarlyServer.launch(Supervisor(kept), "shop") is None


def test_the_server_is_taken_for_its_own_template_only():
    server = Server()
    assert EarlyServer("abc", server).taken_for("abc") is server
    assert server.stops == 0
    assert EarlyServer("abc", server).taken_for("other") is None
    assert server.stops == 1


def test_a_server_that_ended_meanwhile_is_not_taken():
    server = Server()
    server.is_running = False
    assert EarlyServer("abc", server).taken_for("abc") is None


def test_projects_and_recipes_have_notes_of_their_own():
    assert len({project_key("a", "b"), project_key("ab", ""), project_key("a", "c")}) == 3


def test_an_app_that_would_not_be_welcome_at_its_template_has_no_server_launched(kept, launched):
    use = StartUse(is_steady=False)
    KeptTemplates(kept).amend("abc", {"start_use": use.to_json()})
    remember(kept, "shop", "abc")
    early_server = EarlyServer.launch(Supervisor(kept), "shop")
    assert not launched
    assert early_server.use == use
    assert early_server.taken_for("abc") is None


def test_a_template_of_another_postgresql_is_no_template(kept, monkeypatch):
    assert KeptTemplates(kept).find("abc") is not None
    monkeypatch.setattr(kept_templates, "postgres_version", lambda: "19.1")
    assert KeptTemplates(kept).find("abc") is None


def test_notes_of_templates_that_made_room_are_removed(kept):
    remember(kept, "gone", "xyz")
    (kept / "last-empty.txt").touch()
    remember(kept, "shop", "abc")
    assert sorted(path.name for path in kept.glob("last-*")) == ["last-shop.txt"]


def test_what_is_noted_again_removes_nothing(kept):
    remember(kept, "shop", "abc")
    (kept / "last-other.txt").write_text("xyz")
    remember(kept, "shop", "abc")
    assert (kept / "last-other.txt").exists()
