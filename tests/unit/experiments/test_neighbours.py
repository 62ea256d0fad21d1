"""Neighbours are named if they took much, and only then."""

from flask_assay.experiments import neighbours
from flask_assay.experiments.neighbours import Neighbours


def test_a_busy_machine_is_named(tmp_path, monkeypatch):
    stat = tmp_path / "stat"
    monkeypatch.setattr(neighbours, "_STAT", stat)
    stat.write_text("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1\n")
    before = Neighbours.look()
    assert before == Neighbours(1000, 0)
    assert before.words(load=2.0, cpus=2) == ""
    assert before.words(load=8.25, cpus=2) == (
        "The machine was busy meanwhile: a load of 8.2 on 2 CPUs."
    )
    stat.write_text("cpu  150 0 150 850 0 0 0 50 0 0\n")
    assert before.words(load=1.0, cpus=2) == (
        "The machine was busy meanwhile: 25 % of the CPU time went to other machines of its host."
    )


def test_where_the_system_does_not_tell_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(neighbours, "_STAT", tmp_path / "gone")
    assert Neighbours.look() == Neighbours()
    assert Neighbours.look().words(load=1.0, cpus=2) == ""
