"""Parents first; circles are opened at a nullable column, or named."""

from flask_assay.gather.autoseed.order import arrange, depths
from flask_assay.gather.autoseed.schema import Column, ForeignKey, Table


def column(name, *, is_nullable=False):
    return Column(name, name, "int4", -1, is_nullable, None, False, "", (), ())


def table(name, **parents):
    """Describe a table; ``parent="optional"`` makes the key nullable."""
    columns = [column("id")]
    keys = []
    for parent, kind in parents.items():
        columns.append(column(f"{parent}_id", is_nullable=kind == "optional"))
        keys.append(ForeignKey((f"{parent}_id",), ("public", parent), ("id",)))
    return Table("public", name, name, tuple(columns), tuple(keys), (), (("id",),))


def order(*tables):
    return {step.table.name: i for i, step in enumerate(arrange(tables))}


def test_parents_come_before_children():
    places = order(table("line", bill="required"), table("bill", user="required"), table("user"))
    assert places["user"] < places["bill"] < places["line"]


def test_an_optional_parent_comes_first_as_well():
    places = order(
        table("task", member="optional"), table("member", user="required"), table("user")
    )
    assert places["member"] < places["task"]


def test_a_circle_is_opened_at_its_nullable_key():
    steps = arrange([table("address", user="required"), table("user", address="optional")])
    assert [step.table.name for step in steps] == ["user", "address"]
    assert [key.columns for key in steps[0].deferred] == [("address_id",)]
    assert not any(step.knot for step in steps)


def test_who_stands_outside_a_circle_defers_nothing():
    tables = [
        table("task", address="optional"),
        table("address", user="required"),
        table("user", address="optional"),
    ]
    steps = {step.table.name: step for step in arrange(tables)}
    assert steps["task"].deferred == ()


def test_a_circle_of_required_keys_is_a_knot():
    steps = arrange([table("egg", hen="required"), table("hen", egg="required"), table("corn")])
    knots = [step.table.name for step in steps if step.knot]
    assert len(knots) == 1
    assert knots[0] in {"egg", "hen"}
    assert "circle" in next(step.knot for step in steps if step.knot)


def test_a_child_of_a_knot_is_no_knot():
    tables = [
        table("coop", hen="required"),
        table("egg", hen="required"),
        table("hen", egg="required"),
    ]
    assert not {step.table.name: step.knot for step in arrange(tables)}["coop"]


def test_a_table_may_name_itself():
    steps = arrange([table("node", node="optional"), table("root", root="required")])
    assert not any(step.knot for step in steps)
    deferred = {step.table.name: len(step.deferred) for step in steps}
    assert deferred == {"node": 1, "root": 0}


def test_depth_counts_the_longest_line_of_parents():
    found = depths(
        arrange(
            [
                table("line", bill="required", user="required"),
                table("bill", user="required"),
                table("user"),
            ]
        )
    )
    assert found == {("public", "user"): 0, ("public", "bill"): 1, ("public", "line"): 2}
