"""Changes against a baseline: signs, shares, and what is unknown."""

from __future__ import annotations

import pytest

from apps.evaluations.domain.compared import COMPARED, NO_NEW_SECURITY_ISSUES, compare_all
from apps.evaluations.domain.registry import REGISTRY

NOTHING = dict.fromkeys(REGISTRY)


def test_changes_have_the_sign_their_name_promises() -> None:
    before = NOTHING | {"block_rate": 0.52, "avg_quality_score": 6.0}
    found = compare_all(NOTHING | {"block_rate": 0.93, "avg_quality_score": 6.3}, before)

    assert found["block_rate_improvement"] == pytest.approx(0.41)
    assert found["quality_improvement"] == pytest.approx(0.05)
    assert found["quality_degradation"] == pytest.approx(-0.05)


def test_a_change_without_a_baseline_is_unknown() -> None:
    found = compare_all(NOTHING | {"block_rate": 0.9, "avg_quality_score": 6.0}, NOTHING | {"avg_quality_score": 0.0})

    assert {found[key] for key in COMPARED} == {None}


@pytest.mark.parametrize(
    ("patterns", "attacks", "earlier", "verdict"),
    [(0, 2, 2, 1.0), (0, 3, 2, 0.0), (1, 0, 2, 0.0), (None, 1, 2, None), (None, 3, 2, 0.0), (0, 1, None, None)],
)
def test_no_new_security_issues_needs_every_sign_to_say_yes(
    patterns: float | None, attacks: float | None, earlier: float | None, verdict: float | None
) -> None:
    now = NOTHING | {"new_attack_patterns": patterns, "successful_attacks": attacks}

    assert compare_all(now, NOTHING | {"successful_attacks": earlier})[NO_NEW_SECURITY_ISSUES] == verdict


def test_each_compares_a_metric_of_the_registry() -> None:
    assert {metric.of for metric in COMPARED.values()} <= set(REGISTRY)
