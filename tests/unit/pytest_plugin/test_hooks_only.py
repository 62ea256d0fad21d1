"""What pytest sees of the plugin's objects."""

import pytest

from flask_assay.pytest_plugin.host import Host
from flask_assay.pytest_plugin.isolation import Isolation


@pytest.mark.parametrize("kind", [Host, Isolation])
def test_a_pytest_that_reads_all_it_sees_of_a_plugin_reads_no_property(kind):
    seen = dir(object.__new__(kind))
    assert {name for name in vars(kind) if name.startswith("pytest_")} <= set(seen)
    assert not [name for name in seen if isinstance(getattr(kind, name), property)]
