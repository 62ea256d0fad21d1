"""Threads that use a database after the test that started them."""

import threading
from types import SimpleNamespace

import pytest

from flask_assay.pytest_plugin.late import LateWork


class Bench:
    """Tests, and threads that use the database when they are told to."""

    def __init__(self):
        self.told = []
        host = SimpleNamespace(listeners=[])
        self.late = LateWork(host, lambda test, text: self.told.append((test, text)))
        (self.used,) = host.listeners
        self.threads = []

    def test(self, name):
        return self.late.around(SimpleNamespace(nodeid=name))

    def begin(self, name):
        go = threading.Event()

        def work():
            go.wait(20)
            self.used()

        thread = threading.Thread(target=work, name=name)
        thread.start()
        self.threads.append((go, thread))

    def go_on(self):
        for go, thread in self.threads:
            go.set()
            thread.join()
        self.threads.clear()


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.go_on()


def test_a_thread_that_wakes_after_its_test_is_named(bench):
    with bench.test("a"):
        bench.begin("mailer")
    with bench.test("b"):
        bench.go_on()
    ((test, text),) = bench.told
    assert test == "b"
    assert text.startswith("thread mailer of a used the database after its test was over")


def test_a_thread_of_the_test_itself_is_not(bench):
    with bench.test("a"):
        bench.begin("mailer")
        bench.go_on()
    assert bench.told == []


def test_a_thread_from_before_all_tests_belongs_to_the_first_that_uses_it(bench):
    bench.begin("scheduler")
    with bench.test("a"):
        pass
    with bench.test("b"):
        bench.go_on()
    assert bench.told == []
