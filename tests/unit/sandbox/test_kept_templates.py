"""Which kept templates make room for new ones."""

import os
import time

from flask_assay.sandbox.kept_templates import IN_USE_S, KEPT, KeptTemplates

HOUR_S = 3600.0


def kept(cache, number, age_s):
    path = cache / f"template-{number}"
    path.mkdir()
    path.with_suffix(".json").touch()
    used = time.time() - age_s
    os.utime(path, (used, used))
    return path


def test_the_templates_used_last_stay(tmp_path):
    paths = [kept(tmp_path, number, HOUR_S * number) for number in range(KEPT + 2)]
    KeptTemplates(tmp_path)._make_room(paths[0])
    assert [path.is_dir() for path in paths] == [True] * KEPT + [False] * 2
    assert not paths[-1].with_suffix(".json").exists()


def test_a_template_that_another_run_may_be_copying_stays(tmp_path):
    paths = [kept(tmp_path, number, IN_USE_S / 2 + number) for number in range(KEPT + 2)]
    KeptTemplates(tmp_path)._make_room(paths[0])
    assert all(path.is_dir() for path in paths)
