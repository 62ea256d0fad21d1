"""A process of the app's ends with the code that it should."""

import sys
from subprocess import run

import pytest


@pytest.mark.parametrize("before", ["", "sys.stdout.close()", "sys.stdout = sys.stderr = None"])
def test_what_an_app_does_to_its_streams_does_not_change_how_it_ends(before):
    program = f"import sys\nfrom flask_assay.gather.inside.leaving import leave\n{before}\nleave(7)"
    done = run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (7, "")
