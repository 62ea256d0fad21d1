"""Hooks and apps are found by name, with a clear error where they are not."""

import pytest

from flask_assay.gather.inside.loading import resolve_hook


def test_a_hook_is_found_by_module_and_dotted_name():
    assert resolve_hook("pathlib:Path.cwd").__name__ == "cwd"


@pytest.mark.parametrize("spec", ["", "pathlib", ":x", "pathlib:"])
def test_a_hook_of_another_form_is_refused_with_its_text(spec):
    with pytest.raises(ValueError, match=r"not of the form module:function"):
        resolve_hook(spec)
