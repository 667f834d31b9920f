"""The token bucket: a burst, then its rate; requests that overtake one another never count backwards."""

from __future__ import annotations

from typing import Any

import pytest

from apps.platform.api.problems import Problem
from apps.platform.api.ratelimit import take_token


def test_a_burst_passes_and_the_next_request_waits(settings: Any) -> None:
    settings.RATE_LIMITS = {"slow": (0.01, 3)}

    for _ in range(3):
        take_token(1, "burst", "slow", share=5)
    with pytest.raises(Problem) as refused:
        take_token(1, "burst", "slow", share=5)

    assert refused.value.status_code == 429


def test_an_organization_has_five_times_what_a_key_has(settings: Any) -> None:
    settings.RATE_LIMITS = {"slow": (0.01, 1)}

    for key in "abcde":
        take_token(2, key, "slow", share=5)
    with pytest.raises(Problem):
        take_token(2, "f", "slow", share=5)
    take_token(3, "g", "slow", share=5)


def test_a_fast_rate_never_refuses_requests_that_come_close_together(settings: Any) -> None:
    settings.RATE_LIMITS = {"fast": (100_000.0, 2)}

    for _ in range(300):
        take_token(4, "fast", "fast", share=5)
