"""What to do next: volume × gap × value, ranked, with interval, playbook entry and how long a test would take.

An opportunity counts what would be gained if the gap were closed and its cause were what it looks like; whether it is,
only a test tells. Gains of different kinds are ranked by what one of them weighs (WEIGHTS), stated with each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from apps.evaluations.domain.associations import FEWEST
from apps.evaluations.domain.intervals import newcombe, wilson
from apps.evaluations.domain.tally import MONEY, FactorTally, Tally
from apps.platform.wording import counted

# What one unit of gain weighs against a dollar when kinds are ranked: a leak is dear, a hand-over costs minutes.
WEIGHTS = {"leak": 100.0, "escalation": 5.0, "money": 1.0}
_PLAYBOOK = {
    "missing_specific_steps": ("specific steps", "prompt section: numbered steps"),
    "generic_responses": ("concrete answers", "prompt section: refer to what was asked"),
    "failed_to_gather_context": ("ask for what is missing", "prompt section: context questions"),
    "responses_under_20_chars": ("minimum length", "guardrail: minimum length"),
    "unhelpful_response": ("offer a way on", "prompt section: never end on a refusal"),
    "user_repeats_question": ("answer the question asked", "prompt section: refer to what was asked"),
    "user_frustration": ("calm and own the problem", "prompt section: acknowledge first"),
    "repeated_response": ("no answer twice", "guardrail: repeated response"),
    "contradiction": ("one answer", "prompt section: check what was said"),
}
_FACTORS = {
    "personalized_benefits": ("personalized offers", "prompt section: personalization"),
    "after_successful_support": ("offer after a solved issue", "prompt section: timing"),
    "usage_statistics": ("usage figures in offers", "prompt section: usage figures"),
    "price_anchoring": ("price anchors in offers", "prompt section: price anchor"),
    "specific_numbers": ("numbers in offers", "prompt section: specific numbers"),
}
ALPHA, POWER = 0.05, 0.80


@dataclass(frozen=True)
class Opportunity:
    """``volume``: conversations it is about; ``gap``: the difference to close, a fraction; ``gain``: volume × gap.

    ``kind`` says what is gained: leaks or escalations avoided, or money. ``interval`` is the gain's. ``score`` is
    gain × weight. ``test_days`` is how long a 50/50 test of the gap takes at this traffic (None: not seen in a year).
    """

    key: str
    title: str
    playbook: str
    kind: str
    volume: int
    gap: float
    gain: float
    interval: tuple[float, float]
    score: float
    finding: str
    test_days: int | None


def find_opportunities(total: Tally) -> list[Opportunity]:
    """Return opportunities, greatest first. Only what the data speaks for: an interval that excludes no gain is out."""
    found = [_leaks(total), *_patterns(total), *_factors(total)]
    kept = [each for each in found if each is not None]
    return sorted(kept, key=lambda each: (-each.score, each.key))


def days_of_test(*, baseline: float, gap: float, units_a_day: float) -> int | None:
    """Return days until a 50/50 test of two proportions sees this gap (α .05, power .80); None beyond a year.

    Source: Fleiss, Levin and Paik (2003), sample size of two proportions without continuity correction.
    """
    other = min(max(baseline - gap, 0.0), 1.0)
    if gap == 0 or other == baseline or units_a_day <= 0:
        return None
    z_alpha, z_beta = NormalDist().inv_cdf(1 - ALPHA / 2), NormalDist().inv_cdf(POWER)
    mean = (baseline + other) / 2
    spread = z_alpha * math.sqrt(2 * mean * (1 - mean)) + z_beta * math.sqrt(
        baseline * (1 - baseline) + other * (1 - other)
    )
    days = math.ceil(2 * (spread / (baseline - other)) ** 2 / units_a_day)
    return days if days <= 365 else None


def _leaks(total: Tally) -> Opportunity | None:
    leaked, decided = total.attacks_succeeded, total.attacks_blocked + total.attacks_succeeded
    interval = wilson(leaked, decided)
    if not leaked or interval is None:
        return None
    return Opportunity(
        key="injection_resistance",
        title="injection resistance",
        playbook="prompt section and rule",
        kind="leak",
        volume=decided,
        gap=leaked / decided,
        gain=leaked,
        interval=(decided * interval[0], decided * interval[1]),
        score=leaked * WEIGHTS["leak"],
        finding=f"{leaked:,} attacks succeeded",
        # Attacks are few: a fix is shown by paired probes, not by an A/B on live attacks.
        test_days=None,
    )


def _patterns(total: Tally) -> list[Opportunity | None]:
    return [
        _pattern(name, n, total.pattern_escalated.get(name, 0), total)
        for name, n in total.patterns.items()
        if name in _PLAYBOOK
    ]


def _pattern(name: str, n: int, escalated: int, total: Tally) -> Opportunity | None:
    others, others_escalated = total.conversations - n, total.escalations_done - escalated
    interval = newcombe(escalated, n, others_escalated, others)
    if min(n, others) < FEWEST or interval is None or interval[0] <= 0:
        return None
    rate, base = escalated / n, others_escalated / others
    gap = rate - base
    gain = n * gap
    overall = total.escalations_done / total.conversations
    title, playbook = _PLAYBOOK[name]
    times = f"escalate {rate / base:.1f}× as often" if base else f"{rate:.0%} escalate"
    return Opportunity(
        key=name,
        title=title,
        playbook=playbook,
        kind="escalation",
        volume=n,
        gap=gap,
        gain=gain,
        interval=(n * interval[0], n * interval[1]),
        score=gain * WEIGHTS["escalation"],
        finding=f"{counted(n, 'conversation')}, {times}",
        test_days=days_of_test(
            baseline=overall, gap=gain / total.conversations, units_a_day=total.conversations / max(1, total.days)
        ),
    )


def _factors(total: Tally) -> list[Opportunity | None]:
    return [_factor(name, with_it, total.settled, total) for name, with_it in total.factors.items() if name in _FACTORS]


def _factor(name: str, with_it: FactorTally, settled: FactorTally, total: Tally) -> Opportunity | None:
    k0, n0 = settled.confirmed - with_it.confirmed, settled.offered - with_it.offered
    interval = newcombe(with_it.confirmed, with_it.offered, k0, n0)
    value = total.upsell_value.mean(MONEY)
    if min(n0, with_it.offered) < FEWEST or interval is None or interval[0] <= 0 or value is None:
        return None
    gap = with_it.confirmed / with_it.offered - k0 / n0
    title, playbook = _FACTORS[name]
    return Opportunity(
        key=name,
        title=title,
        playbook=playbook,
        kind="money",
        volume=n0,
        gap=gap,
        gain=n0 * gap * value,
        interval=(n0 * interval[0] * value, n0 * interval[1] * value),
        score=n0 * gap * value * WEIGHTS["money"],
        finding=f"{n0:,} offers without",
        test_days=days_of_test(
            baseline=settled.confirmed / settled.offered,
            gap=-gap,
            units_a_day=settled.offered / max(1, total.days),
        ),
    )
