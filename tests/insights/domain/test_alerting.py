from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.insights.domain.alerting import Wish, due, wants

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)  # 13:00 in Berlin, a Monday


@pytest.mark.parametrize(
    ("wish", "severity", "metric", "wanted"),
    [
        (Wish("high"), "high", "block_rate", True),
        (Wish("high"), "medium", "block_rate", False),
        (Wish("low", about="security"), "critical", "successful_attacks", True),
        (Wish("low", about="quality"), "critical", "successful_attacks", False),
        (Wish("low", about="quality"), "low", "no_such_metric", False),
    ],
)
def test_a_wish_names_a_severity_and_a_group(wish: Wish, severity: str, metric: str, wanted: bool) -> None:
    assert wants(wish, severity=severity, metric=metric) is wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wish", "goes_at"),
    [
        (Wish("low"), NOON),
        (Wish("low", digest_hour=8), datetime(2026, 11, 3, 7, tzinfo=UTC)),
        (Wish("low", digest_hour=14), datetime(2026, 11, 2, 13, tzinfo=UTC)),
        (Wish("low", quiet_from=time(12), quiet_until=time(14, 30)), datetime(2026, 11, 2, 13, 30, tzinfo=UTC)),
        (Wish("low", quiet_from=time(22), quiet_until=time(7)), NOON),
        (Wish("low", digest_hour=23, quiet_from=time(22), quiet_until=time(7)), datetime(2026, 11, 3, 6, tzinfo=UTC)),
    ],
)
def test_alerts_wait_for_the_digest_and_for_the_end_of_quiet_hours_in_the_organizations_zone(
    wish: Wish, goes_at: datetime
) -> None:
    assert due(wish, severity="high", at=NOON, zone="Europe/Berlin") == goes_at
    assert due(wish, severity="critical", at=NOON, zone="Europe/Berlin") == NOON


MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))


@given(st.integers(0, 400 * 24 * 60), st.none() | st.integers(0, 23), MINUTES, MINUTES)
def test_nothing_goes_before_it_came_nor_waits_longer_than_two_days(
    minutes: int, hour: int | None, begins: time, ends: time
) -> None:
    at = NOON + timedelta(minutes=minutes)
    wish = Wish("low", "", hour, begins, ends)
    assert at <= due(wish, severity="low", at=at, zone="America/New_York") <= at + timedelta(days=2, hours=2)
