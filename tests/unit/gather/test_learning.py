"""What several processes learned becomes one document."""

from tests.recordings.builder import RecordingBuilder

from flask_assay.gather.learning import _dict_readers, merged, quickest_first
from flask_assay.probe.sensors.orm_reads import UNSEEN_READER


def test_what_processes_learned_is_put_together():
    one = {"requests": {"GET /x": 1}, "groups": [1], "lazy_loads": [], "eager_loads": [5]}
    found = merged([one, {"groups": [2], "lazy_loads": [3], "eager_loads": []}, {"grown": [7]}])
    assert found == {"groups": [1, 2], "lazy_loads": [3], "eager_loads": [5], "grown": [7]}


def test_files_that_read_past_attributes_are_named(tmp_path):
    (tmp_path / "models.py").write_text("def to_dict(self):\n    return dict(self.__dict__)\n")
    (tmp_path / "views.py").write_text("print(variables(1), vars(row))\n")
    (tmp_path / "clean.py").write_text("__dict__ = 1\nvarsity(2)\n")
    groups = [
        {"files": ["models.py", "gone.py"], "site": "views.py:3 show"},
        {"files": ["clean.py", UNSEEN_READER], "site": "-"},
    ]
    assert _dict_readers(tmp_path, groups) == [UNSEEN_READER, "models.py", "views.py"]


def test_one_request_of_each_route_begins_with_the_quickest(tmp_path):
    build = RecordingBuilder(tmp_path)
    for route, ms in (("GET /slow", 900), ("GET /quick", 3), ("GET /slow", 5), ("GET /slow", 800)):
        with build.request(route) as request:
            request.idle(ms)
    with build.request("GET /moved", status=308):
        pass
    wanted = {key: [] for key in ("GET /slow", "GET /quick", "GET /moved")}
    assert list(quickest_first(wanted, build.write())) == [
        "GET /quick",
        "GET /slow",
        "GET /moved",
    ]
