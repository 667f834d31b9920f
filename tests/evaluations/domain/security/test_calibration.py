from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.evaluations.domain.security.calibration import AuditSample, calibrate, sessions_to_judge


def test_without_judgements_nothing_is_calibrated() -> None:
    found = calibrate(AuditSample(flagged=40, unflagged=9_960))

    assert (found.status, found.false_alarms, found.precision, found.recall) == ("uncalibrated", None, None, None)
    assert (found.missing_flagged, found.missing_unflagged) == (20, 50)


def test_false_alarms_follow_from_judged_flags() -> None:
    # Half of the flagged judged, 16 of 20 attacks: 4 of 20 false, so 8 of 40 sessions in 10,000.
    found = calibrate(AuditSample(flagged=40, unflagged=9_960, flagged_judged=20, flagged_attacks=16))

    assert found.status == "calibrated"
    assert found.false_alarms is not None
    assert found.false_alarms.value == pytest.approx(8)
    assert 4 < found.false_alarms.low < 8 < found.false_alarms.high < 15
    assert found.recall is None


def test_whoever_judged_every_flag_knows_the_false_alarms() -> None:
    found = calibrate(AuditSample(flagged=25, unflagged=4_975, flagged_judged=25, flagged_attacks=20))

    assert found.false_alarms is not None
    assert (found.false_alarms.low, found.false_alarms.value, found.false_alarms.high) == pytest.approx((10, 10, 10))


def test_recall_needs_sessions_nobody_flagged() -> None:
    found = calibrate(
        AuditSample(100, 900, flagged_judged=50, flagged_attacks=50, unflagged_judged=300, unflagged_attacks=3)
    )

    # 100 attacks found, 1 % of 900 missed: 100 of 109.
    assert found.recall is not None
    assert found.recall.value == pytest.approx(100 / 109)
    assert found.recall.low < 0.9 < found.recall.value < found.recall.high


def test_few_flags_are_judged_all() -> None:
    assert sessions_to_judge(3, 10_000) == (3, 50)
    assert calibrate(AuditSample(3, 9_997, flagged_judged=3, flagged_attacks=1)).status == "calibrated"


def test_no_flag_is_no_false_alarm_but_not_certainty() -> None:
    found = calibrate(AuditSample(flagged=0, unflagged=10_000))

    assert found.false_alarms is not None
    assert found.false_alarms.value == 0
    assert 3 < found.false_alarms.high < 5


def test_no_sessions_are_uncalibrated() -> None:
    assert calibrate(AuditSample(0, 0)).status == "uncalibrated"


def test_counts_that_contradict_one_another_are_refused() -> None:
    with pytest.raises(ValueError, match="flagged: 3 attacks of 2 judged of 5 sessions"):
        calibrate(AuditSample(5, 5, flagged_judged=2, flagged_attacks=3))


@given(st.integers(20, 500), st.data())
def test_every_figure_lies_in_its_interval(flagged: int, data: st.DataObject) -> None:
    judged = data.draw(st.integers(20, flagged))
    attacks = data.draw(st.integers(0, judged))
    lost = data.draw(st.integers(0, 60))

    found = calibrate(AuditSample(flagged, 5_000, judged, attacks, 60, lost))

    for estimate in filter(None, (found.false_alarms, found.precision, found.missed, found.recall)):
        assert estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9
