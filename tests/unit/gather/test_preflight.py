"""What can be seen to be wrong is said before any server starts."""

import pytest

from flask_assay.config.resolve import resolve
from flask_assay.errors import UsageError
from flask_assay.gather.preflight import find_gunicorn_config, find_locustfile, require_runnable


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda **options: resolve(options, {}, tmp_path)


def test_an_ordinary_project_passes(settings, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text("workers = 2\n")
    require_runnable("shop", settings(seed="shop.seeds:fill", schema="none"))


@pytest.mark.parametrize("name", ["app.py", "wsgi.py"])
def test_without_a_name_flask_finds_the_app_by_its_file(settings, tmp_path, name):
    with pytest.raises(UsageError, match="no app was named"):
        require_runnable("", settings())
    (tmp_path / name).write_text("")
    require_runnable("", settings())


@pytest.mark.parametrize("name", ["seed", "services", "login", "schema"])
@pytest.mark.parametrize("spec", ["shop.fill", ":fill", "shop:"])
def test_a_hook_of_another_form_is_refused_with_its_text(settings, name, spec):
    with pytest.raises(UsageError, match=name) as caught:
        require_runnable("shop", settings(**{name: spec}))
    assert repr(spec) in caught.value.what
    assert caught.value.exit_code == 2


def test_default_files_are_found_and_none_is_no_error(settings, tmp_path):
    assert find_locustfile(settings()) is None
    assert find_gunicorn_config(settings()) is None
    (tmp_path / "locustfile.py").write_text("")
    assert find_locustfile(settings()) == tmp_path / "locustfile.py"


def test_a_file_named_in_the_project_is_looked_for_there(settings, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[tool.assay]\nlocustfile = "load/users.py"\n')
    (tmp_path / "load").mkdir()
    (tmp_path / "load" / "users.py").write_text("")
    monkeypatch.chdir(tmp_path / "load")
    assert find_locustfile(settings()) == tmp_path / "load" / "users.py"


def test_a_gunicorn_file_that_is_no_python_is_refused_with_its_line(settings, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text("workers = 2\nthreads = = 3\n")
    with pytest.raises(UsageError, match=r"gunicorn\.conf\.py:2: invalid syntax"):
        require_runnable("shop", settings())
