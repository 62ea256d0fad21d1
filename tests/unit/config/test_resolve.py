"""Settings: every level wins over the one below, unknown keys are refused."""

from pathlib import Path

import pytest

from flask_assay.config.resolve import resolve
from flask_assay.config.schema import SETTINGS
from flask_assay.errors import UsageError


def project(tmp_path: Path, body: str) -> Path:
    (tmp_path / "pyproject.toml").write_text(f"[tool.assay]\n{body}\n")
    return tmp_path


def test_defaults_hold_where_no_level_says_anything(tmp_path):
    settings = resolve({}, {}, tmp_path)
    assert settings.integer("users") == 8
    assert settings.origins["users"] == "default"
    assert set(settings.values) == {each.name for each in SETTINGS}


def test_each_level_wins_over_the_one_below(tmp_path):
    where = project(tmp_path, "users = 2")
    assert resolve({}, {}, where).integer("users") == 2
    by_variable = resolve({}, {"ASSAY_USERS": "3"}, where)
    assert (by_variable.integer("users"), by_variable.origins["users"]) == (3, "ASSAY_USERS")
    by_option = resolve({"users": 4}, {"ASSAY_USERS": "3"}, where)
    assert (by_option.integer("users"), by_option.origins["users"]) == (4, "--users")


def test_a_project_file_is_found_from_a_folder_below_it(tmp_path):
    where = project(tmp_path, "users = 2")
    below = where / "src" / "shop"
    below.mkdir(parents=True)
    assert resolve({}, {}, below).integer("users") == 2
    assert resolve({}, {}, below).project == where


@pytest.mark.parametrize(
    ("environment", "body", "said"),
    [
        ({"ASSAY_USER": "3"}, "", "Did you mean ASSAY_USERS?"),
        ({}, "user = 3", "Did you mean users?"),
        ({}, 'users = "many"', "'many' is not a whole number"),
        ({"ASSAY_USERS": "0"}, "", "must be at least 1"),
        ({"ASSAY_DURATION_S": "nan"}, "", "is not a number"),
        ({"ASSAY_EXPERIMENTS": "perhaps"}, "", "is not yes or no"),
        ({}, "users = true", "is not a whole number"),
        ({}, 'allow = "x"', "is not a table"),
    ],
)
def test_a_bad_setting_is_refused_with_its_value(tmp_path, environment, body, said):
    with pytest.raises(UsageError) as caught:
        resolve({}, environment, project(tmp_path, body))
    assert said in str(caught.value)


def test_a_torn_project_file_names_the_file(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.assay\n")
    with pytest.raises(UsageError, match="not valid TOML"):
        resolve({}, {}, tmp_path)


def test_lists_and_tables_and_flags_are_converted(tmp_path):
    where = project(tmp_path, 'egress_allow = ["a.test"]\n[tool.assay.allow]\n"x:GET /" = "why"')
    settings = resolve({}, {"ASSAY_EXPERIMENTS": "no", "ASSAY_DATABASE_ENV": "A,B"}, where)
    assert settings.items("egress_allow") == ["a.test"]
    assert settings.table("allow") == {"x:GET /": "why"}
    assert settings.items("database_env") == ["A", "B"]
    assert settings.flag("experiments") is False


def test_a_server_of_the_users_is_not_an_unknown_setting(tmp_path):
    resolve({}, {"ASSAY_POSTGRES_URL": "postgresql://x"}, tmp_path)
