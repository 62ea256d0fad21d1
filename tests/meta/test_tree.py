"""Rules that the tree itself keeps."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "flask_assay"


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = done.stdout.splitlines()
    return [ROOT / name for name in names] or [p for p in SOURCE.rglob("*") if p.is_file()]


def text_files() -> list[tuple[Path, str]]:
    kinds = {".py", ".toml", ".txt", ".in", ".md", ".cfg", ".ini", ".html", ".js", ".json", ""}
    return [
        (path, path.read_text(encoding="utf-8", errors="replace"))
        for path in tracked()
        if path.suffix in kinds and path.is_file()
    ]


def test_no_module_is_over_500_lines():
    long = {p.name: n for p in SOURCE.rglob("*.py") if (n := len(p.read_text().splitlines())) > 500}
    assert long == {}


def test_no_file_names_a_package_registry():
    hosts = re.compile(r"(pypi|pythonhosted|npmjs|registry\.yarnpkg)\.(org|com)")
    allowed = Path(__file__)
    assert [str(p) for p, text in text_files() if p != allowed and hosts.search(text)] == []


def test_there_is_no_lock_file_that_holds_registry_hosts():
    assert [p for p in tracked() if p.name in {"uv.lock", "poetry.lock"}] == []


def test_every_file_is_small():
    assert [str(p) for p in tracked() if p.is_file() and p.stat().st_size > 1024 * 1024] == []


def test_both_commands_stand_on_the_first_screen_of_the_readme():
    first_screen = (ROOT / "README.md").read_text().splitlines()[:20]
    assert any("make demo" in line for line in first_screen)
    assert any("make test" in line for line in first_screen)


def test_every_setting_is_documented():
    from flask_assay.config.schema import SETTINGS

    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    assert [each.name for each in SETTINGS if f"`{each.name}`" not in page] == []
    assert [each.name for each in SETTINGS if each.help not in page] == []
