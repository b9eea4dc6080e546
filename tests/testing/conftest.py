"""Projects that are tested in processes of their own load no Hypothesis: it takes as long as all else together."""

import pytest


@pytest.fixture(autouse=True)
def _without_hypothesis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
