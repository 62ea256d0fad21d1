from tests.recordings.builder import RecordingBuilder
from tests.recordings.scenarios import scan, surroundings, table

from flask_assay.diagnosis import diagnose


def findings(path, **table_counters):
    build = RecordingBuilder(path)
    surroundings(build)
    columns = ("id", "customer_id")
    build.document(
        "tables", {"tables": [table("orders", 50_000, columns=columns, **table_counters)]}
    )
    scan(build)
    return [one for one in diagnose(build.write()).findings if one.audit == "missing-index"]


def test_the_remedy_is_what_an_experiment_can_build_and_a_migration_can_say(tmp_path):
    [finding] = findings(tmp_path)
    [remedy] = finding.remedies
    assert remedy.intervention == "index"
    assert remedy.parameters == {
        "table": "orders", "schema": "public", "columns": ["customer_id"], "method": "btree",
    }  # fmt: skip
    assert 'op.create_index("ix_orders_customer_id", "orders", ["customer_id"])' in remedy.snippet
    assert finding.cost_s > 0.2


def test_a_table_written_far_more_than_read_is_left_alone(tmp_path):
    assert findings(tmp_path, n_tup_ins=900) == []


def test_a_table_written_about_as_much_as_read_is_not(tmp_path):
    assert len(findings(tmp_path, n_tup_ins=90)) == 1
