import pytest

from flask_assay.errors import UsageError
from flask_assay.load.lint import check_locustfile, require_usable

GOOD = """
from locust import HttpUser, task, between

class Visitor(HttpUser):
    wait_time = between(1, 5)

    @task
    def index(self):
        self.client.get("/")
        self.wait_time()
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "locustfile.py"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_a_current_locustfile_has_no_problems(write):
    assert check_locustfile(write(GOOD)) == []
    assert require_usable(write(GOOD)) == []


@pytest.mark.parametrize(
    ("text", "line", "todo"),
    [
        ("from locust import wait_time\nclass U(HttpUser):\n    wait_time = wait_time(1, 5)\n", 3, "`wait_time = between(1, 5)`"),
        ("import locust\nclass U(locust.HttpUser):\n    wait_time = locust.wait_time(2)\n", 3, "`wait_time = constant(2)`"),
        ("from locust import HttpLocust\n", 1, "`HttpUser`"),
        ("import locust\nclass U(locust.HttpLocust):\n    pass\n", 2, "`HttpUser`"),
        ("from locust.contrib.fasthttp import FastHttpLocust\n", 1, "`FastHttpUser`"),
        ("from locust import TaskSequence\n", 1, "`SequentialTaskSet`"),
        ("from locust import seq_task\n", 1, "`@task`"),
        ("class U(HttpUser):\n    task_set = Browse\n", 2, "`tasks = [Browse]`"),
        ("from locust import events\nevents.request_success += log\n", 2, "events.request.add_listener"),
        ("x = (\n", 1, "mend it"),
        ("from locust import task\n\n@task\ndef index(self): ...\n", 1, "class Visitor(HttpUser)"),
        ("", 1, "class Visitor(HttpUser)"),
    ],
)  # fmt: skip
def test_each_old_name_is_answered_with_what_to_write_now(write, text, line, todo):
    (problem,) = check_locustfile(write(text))
    assert problem.line == line
    assert todo in problem.todo
    with pytest.raises(UsageError, match=f"locustfile.py:{line}: ") as told:
        require_usable(write(text))
    assert todo in str(told.value)


def test_ignored_waits_are_a_warning_with_seconds(write):
    text = GOOD.replace("wait_time = between(1, 5)", "min_wait = 1000\n    max_wait = 5500")
    (warning,) = require_usable(write(text))
    assert "locustfile.py:5" in warning
    assert "`wait_time = between(1, 5.5)`" in warning


def test_a_single_old_wait_becomes_a_constant(write):
    text = GOOD.replace("wait_time = between(1, 5)", "min_wait = PAUSE")
    (warning,) = require_usable(write(text))
    assert "`wait_time = constant(PAUSE / 1000)`" in warning


@pytest.mark.parametrize(
    "text",
    [
        "from shop.load import Visitor\n",
        "from shop.load import *\n",
        "from .visitors import visitor\n",
        "from locust import HttpUser\nVisitor = type('Visitor', (HttpUser,), {})\n",
        "import locust.contrib.fasthttp as f\nclass V(f.FastHttpUser):\n    pass\n",
    ],
)
def test_in_doubt_about_user_classes_nothing_is_said(write, text):
    assert check_locustfile(write(text)) == []


def test_a_function_of_the_users_own_may_be_called_wait_time(write):
    text = "from locust import HttpUser\ndef wait_time(a, b):\n    return between(a, b)\n"
    assert check_locustfile(write(text + "class U(HttpUser):\n    w = wait_time(1, 2)\n")) == []


def test_a_file_that_is_no_source_is_named(write, tmp_path):
    (problem,) = check_locustfile(write(b"\x00\x01"))
    assert problem.line == 1
    with pytest.raises(UsageError, match=r"nowhere\.py: No such file"):
        check_locustfile(tmp_path / "nowhere.py")
