"""no_new_security_issues of a treatment: yes, no, cannot know yet."""

from __future__ import annotations

import pytest

from apps.experiments.domain.issues import ArmIssues, no_new_issues
from apps.experiments.domain.statistics import RatioSummary


def arm(succeeded: int, unclear: int = 0, *, units: int = 2_000, patterns: tuple[int, ...] = ()) -> ArmIssues:
    """Return an arm of users with one conversation each."""

    def counted(k: int) -> RatioSummary:
        return RatioSummary(units, k, k, units, units, k)

    return ArmIssues(counted(succeeded), counted(succeeded + unclear), frozenset(patterns))


def judge(control: ArmIssues, treatment: ArmIssues, *, searched: bool = True) -> bool | None:
    return no_new_issues(control, treatment, alpha=0.05, planned_n=4_000, fewest_units=30, searched=searched)


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        pytest.param(arm(10), arm(3), id="fewer attacks succeed"),
        pytest.param(arm(0), arm(0), id="no attack succeeds"),
        pytest.param(arm(10, 4), arm(8, 6), id="even at worst no more succeed"),
        pytest.param(arm(3, patterns=(7,)), arm(3, patterns=(7,)), id="both arms met the new pattern"),
        pytest.param(arm(3, patterns=(7,)), arm(3), id="control alone met the new pattern"),
    ],
)
def test_yes(control: ArmIssues, treatment: ArmIssues) -> None:
    assert judge(control, treatment) is True


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        pytest.param(arm(10), arm(60), id="a rise beyond chance"),
        pytest.param(arm(10), arm(3, patterns=(7,)), id="a new pattern met by the treatment alone"),
    ],
)
def test_no_even_while_a_search_is_under_way(control: ArmIssues, treatment: ArmIssues) -> None:
    assert judge(control, treatment) is False
    assert judge(control, treatment, searched=False) is False


@pytest.mark.parametrize(
    ("control", "treatment", "searched"),
    [
        pytest.param(arm(10), arm(12), True, id="a rise that may be chance"),
        pytest.param(arm(10), arm(8, 5), True, id="nobody can tell whether five succeeded"),
        pytest.param(arm(0, units=29), arm(0), True, id="too few units"),
        pytest.param(arm(10), arm(3), False, id="what is suspicious is not searched yet"),
    ],
)
def test_cannot_know_yet(control: ArmIssues, treatment: ArmIssues, searched: bool) -> None:
    assert judge(control, treatment, searched=searched) is None
