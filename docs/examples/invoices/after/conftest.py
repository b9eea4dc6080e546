"""After: kstore's cluster, in this process. It is empty again for each test."""

import pytest


@pytest.fixture
def servers(kstore_bootstrap):
    return kstore_bootstrap
