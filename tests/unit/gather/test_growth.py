"""Counts of PostgreSQL become means per request and statement; only like answers count."""

from flask_assay.gather.growth import _answered, _Counted, _difference, _route
from flask_assay.load.transcript import Said
from flask_assay.model.growth import GrowthPoint


def test_the_difference_of_two_looks_is_a_mean_per_request():
    before = {"1": ("SELECT * FROM a WHERE id = $1", 10, 10, 30)}
    after = {
        "1": ("SELECT * FROM a WHERE id = $1", 12, 12, 36),
        "2": ("SELECT count(*) FROM b", 2, 2, 800),
        "3": ("SELECT * FROM a WHERE id = $2", 2, 4, 2),
        "4": ("SELECT 1", 0, 0, 0),
    }
    found = _difference(before, after, (0.5, 2, 90.0))
    assert found.point == GrowthPoint(0.5, 2, 3.0, 4.0, 404.0, 90.0)
    assert found.statements == {
        "SELECT * FROM a WHERE id = ?": (3.0, 4.0),
        "SELECT count(*) FROM b": (1.0, 400.0),
    }


def test_a_route_keeps_its_dearest_statements_at_each_size():
    def counted(scale, **blocks):
        point = GrowthPoint(scale, 1, 1, 1, 1, 1)
        return _Counted(point, {name: (1.0, float(count)) for name, count in blocks.items()})

    route = _route("GET /x", [counted(0.25, a=1, b=9), counted(1.0, a=4, b=9, c=1, d=2)])
    assert [(one.statement, one.block_counts) for one in route.statements] == [
        ("b", (9.0, 9.0)), ("a", (1.0, 4.0)), ("d", (0.0, 2.0)),
    ]  # fmt: skip
    assert [point.scale for point in route.points] == [0.25, 1.0]


def test_keys_that_the_smaller_data_lack_are_passed_over():
    class Sender:
        def may_succeed(self, said):
            return said.path != "/gone"

        def send(self, said):
            return (404 if said.path == "/9" else 200), 1

    asked = [
        Said(1, 1, "GET", path, (), b"", 200) for path in ("/9", "/gone", "/1", "/2", "/3", "/4")
    ]
    assert [said.path for said in _answered(Sender(), asked)] == ["/1", "/2", "/3"]
