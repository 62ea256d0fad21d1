"""CPU of requests whose clock was not read is that of the others, on average."""

from types import SimpleNamespace

from flask_assay.model.cpu import mean_cpu_ns, total_cpu_ns


def rows(*cpu_ns):
    return [SimpleNamespace(cpu_ns=value) for value in cpu_ns]


def test_a_request_without_a_reading_counts_as_the_mean_of_the_others():
    assert mean_cpu_ns(rows(2, 0, 4, 0)) == 3
    assert total_cpu_ns(rows(2, 0, 4, 0)) == 12


def test_nothing_read_is_nothing_known():
    assert mean_cpu_ns(rows(0, 0)) == total_cpu_ns(rows()) == 0
