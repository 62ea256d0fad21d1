"""What several processes learned becomes one document."""

from flask_assay.gather.learning import _dict_readers, merged
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
