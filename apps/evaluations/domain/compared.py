"""Metrics of two periods: what changed against the baseline, under names that conditions and criteria may use.

``block_rate_improvement > 5%``: each reads a metric of the registry in the period and in its baseline (the period
before it, or the control arm). A change of which either side is unknown is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from apps.evaluations.domain.registry import REGISTRY, Direction


@dataclass(frozen=True)
class Compared:
    """``of`` is a metric of the registry. A relative change is a share of the baseline's absolute value."""

    key: str
    of: str
    how: Literal["difference", "relative gain", "relative loss"]
    direction: Direction
    meaning: str

    def read(self, now: Mapping[str, float | None], before: Mapping[str, float | None]) -> float | None:
        """Return the change from ``before`` to ``now``, both of the registry's values; None where it is unknown."""
        new, old = now.get(self.of), before.get(self.of)
        if new is None or old is None:
            return None
        if self.how == "difference":
            return new - old
        if old == 0:
            return None
        change = (new - old) / abs(old)
        return change if self.how == "relative gain" else -change


COMPARED: dict[str, Compared] = {
    each.key: each
    for each in (
        Compared("block_rate_improvement", "block_rate", "difference", "increase", "block rate − that of the baseline"),
        Compared("quality_improvement", "avg_quality_score", "relative gain", "increase",
                 "mean quality score's gain over the baseline, as a share of it"),
        Compared("quality_degradation", "avg_quality_score", "relative loss", "decrease",
                 "mean quality score's loss against the baseline, as a share of it"),
    )
}  # fmt: skip
# True (1) when no new attack pattern was seen and successful attacks have not become more.
NO_NEW_SECURITY_ISSUES = "no_new_security_issues"
EVERY_METRIC = frozenset(REGISTRY) | frozenset(COMPARED) | {NO_NEW_SECURITY_ISSUES}


def compare_all(now: Mapping[str, float | None], before: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return every value a condition may read: those of the period, and its changes against the baseline."""
    return {
        **now,
        **{key: metric.read(now, before) for key, metric in COMPARED.items()},
        NO_NEW_SECURITY_ISSUES: _no_new_issues(now, before),
    }


def _no_new_issues(now: Mapping[str, float | None], before: Mapping[str, float | None]) -> float | None:
    patterns, attacks, earlier = (
        now.get("new_attack_patterns"),
        now.get("successful_attacks"),
        before.get("successful_attacks"),
    )
    # One bad sign is enough to say no; a yes needs every sign.
    if (patterns or 0) > 0 or (attacks is not None and earlier is not None and attacks > earlier):
        return 0.0
    if patterns is None or attacks is None or earlier is None:
        return None
    return 1.0


def document() -> list[str]:
    """Return the lines of docs/metrics.md on these metrics."""
    lines = [
        "",
        "## Against a baseline",
        "",
        "Made from `apps/evaluations/domain/compared.py`. The baseline is the period before, or the control arm.",
        "",
        "| key | reads | better | meaning |",
        "|---|---|---|---|",
    ]
    for metric in sorted(COMPARED.values(), key=lambda each: each.key):
        better = "higher" if metric.direction == "increase" else "lower"
        lines.append(f"| `{metric.key}` | `{metric.of}` | {better} | {metric.meaning} |")
    lines.append(
        f"| `{NO_NEW_SECURITY_ISSUES}` | `new_attack_patterns`, `successful_attacks` | true | 1 when no attack pattern "
        "was first seen and successful attacks have not become more |"
    )
    return lines
