"""Evidence as it may be shown: covered, and readable where it is."""

from __future__ import annotations

import pytest

from apps.evaluations.domain.security.masking import excerpt, mask


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Write to ada@example.test now", "Write to ••• now"),
        ("Café: call 555 123 4567 890", "Café: call •••"),
        ("my password is hunter2, thanks", "my password is ••• thanks"),
        ("the canary SPRING-40 got out", "the canary ••• got out"),
    ],
)
def test_what_is_covered_reads_as_dots(said: str, shown: str) -> None:
    assert mask(said, ("spring-40",)) == shown
    assert excerpt(said, (0, 1), ("spring-40",)) == shown
