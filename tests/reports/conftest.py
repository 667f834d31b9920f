"""Reports are valued with few draws here: what is tested is what goes in and comes out, not the third digit."""

import pytest

from apps.reports.services import valuing


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valuing, "DRAWS", 2_000)
