"""Words and cron lines, zones and their clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.cycles.domain.schedules import BadSchedule, last_slot, next_slot, parse_schedule


@pytest.mark.parametrize(
    ("words", "cron"),
    [
        ("daily", "0 2 * * *"),
        ("Hourly", "0 * * * *"),
        ("weekly", "0 2 * * 1"),
        ("daily at 2:00 AM", "0 2 * * *"),
        ("daily at 12 am", "0 0 * * *"),
        ("daily at 12:30 PM", "30 12 * * *"),
        ("daily at 14:05", "5 14 * * *"),
        ("0  2 * * *", "0 2 * * *"),
        ("*/15 9-17 * * 1-5", "*/15 9-17 * * 1-5"),
    ],
)
def test_words_mean_a_cron_line(words: str, cron: str) -> None:
    assert parse_schedule(words) == cron


@pytest.mark.parametrize(
    "words", ["", "often", "daily at 25:00", "daily at 13 pm", "* * * * *", "*/5 * * * *", "0 0 30 2 *", "0 0 2 * * *"]
)
def test_what_is_no_schedule_is_refused(words: str) -> None:
    with pytest.raises(BadSchedule):
        parse_schedule(words)


def test_a_slot_is_at_the_zones_own_two_oclock() -> None:
    winter = next_slot("0 2 * * *", "Europe/Berlin", datetime(2026, 1, 10, 12, tzinfo=UTC))
    summer = next_slot("0 2 * * *", "Europe/Berlin", datetime(2026, 7, 10, 12, tzinfo=UTC))

    assert (winter.hour, summer.hour) == (1, 0)


def test_the_day_a_clock_goes_forward_has_one_slot_and_the_day_it_goes_back_too() -> None:
    # 2:30 does not exist on 29 March 2026 in Berlin, and happens twice on 25 October.
    forward = next_slot("30 2 * * *", "Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC))
    back = [next_slot("30 2 * * *", "Europe/Berlin", datetime(2026, 10, 24, 12, tzinfo=UTC))]
    back.append(next_slot("30 2 * * *", "Europe/Berlin", back[0]))

    assert forward == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert [slot.date().isoformat() for slot in back] == ["2026-10-25", "2026-10-26"]


def test_the_last_slot_includes_the_moment_itself() -> None:
    at = datetime(2026, 11, 2, 2, tzinfo=UTC)

    assert last_slot("0 2 * * *", "UTC", at) == at
    assert last_slot("0 2 * * *", "UTC", at - timedelta(seconds=1)) == at - timedelta(days=1)


@given(
    st.integers(1_577_836_800, 2_051_222_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
    st.sampled_from(["0 2 * * *", "0 * * * *", "0 2 * * 1", "30 2 1 * *"]),
)
def test_no_slot_lies_between_the_last_one_and_the_next(at: datetime, zone: str, cron: str) -> None:
    before, after = last_slot(cron, zone, at), next_slot(cron, zone, at)

    assert before <= at < after
    assert next_slot(cron, zone, before) == after
