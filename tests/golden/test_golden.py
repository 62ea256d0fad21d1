import pytest
from tests.golden.sample import sample
from tests.golden.update import FOLDER, RENDERERS


@pytest.mark.parametrize("name", RENDERERS)
def test_the_report_of_the_sample_is_as_it_was_approved(name):
    """After a wanted change: ``python -m tests.golden.update``, and read the diff."""
    assert RENDERERS[name](sample()) == (FOLDER / name).read_text(encoding="utf-8")
