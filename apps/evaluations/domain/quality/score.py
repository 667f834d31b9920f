"""The score: a calibrated logistic on named features, minus capped penalties for patterns; and the five subscores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

import msgspec

from apps.evaluations.domain.quality.features import Features
from apps.evaluations.domain.values import Escalation, QualityPattern, Resolution, Severity

# What one occurrence takes off the score; each further one of the same pattern counts half of the one before.
PENALTIES: Mapping[str, float] = {
    "responses_under_20_chars": 0.6,
    "missing_specific_steps": 0.8,
    "generic_responses": 0.8,
    "failed_to_gather_context": 0.8,
    "unhelpful_response": 1.0,
    "repeated_response": 0.6,
    "contradiction": 1.0,
    "user_repeats_question": 0.6,
    "user_frustration": 1.0,
}
MOST_PENALTY = 4.0
_WEIGHTS: Mapping[Severity, float] = {"low": 0.5, "medium": 0.75, "high": 1.0, "critical": 1.0}
_RESOLUTION: Mapping[Resolution, float] = {
    "confirmed": 10.0,
    "assumed": 7.5,
    "unknown": 5.0,
    "reopened": 2.0,
    "unresolved": 1.0,
}
_NAMED_REASONS = 3


class Coefficient(msgspec.Struct, frozen=True):
    """One feature of the model: ``weight`` per standard deviation from the ``mean`` of the training data."""

    mean: float
    deviation: float
    weight: float


class Model(msgspec.Struct, frozen=True):
    """The logistic for dissatisfaction. See MODEL_CARD.md for data, hold-out figures and limits."""

    name: str
    intercept: float
    features: dict[str, Coefficient]


@cache
def load_model() -> Model:
    """Return the coefficients shipped beside this file (written by scripts/fit_quality.py)."""
    raw = resources.files(__package__).joinpath("coefficients.json").read_bytes()
    return msgspec.json.decode(raw, type=Model)


def contributions(features: Features, model: Model) -> dict[str, float]:
    """Return each feature's part of the log-odds of dissatisfaction; features lying far out count as 3 deviations."""
    return {
        name: max(-3.0, min(3.0, (features[name] - one.mean) / one.deviation)) * one.weight
        for name, one in model.features.items()
    }


def predict_dissatisfaction(parts: Mapping[str, float], model: Model) -> float:
    """Return the probability (0–1) of dissatisfaction from the features' parts of the log-odds."""
    return 1 / (1 + math.exp(-(model.intercept + sum(parts.values()))))


def sum_penalties(found: Sequence[QualityPattern]) -> float:
    """Return what the patterns take off the score, at most 4."""
    seen: Counter[str] = Counter()
    total = 0.0
    for pattern in found:
        total += PENALTIES[pattern.name] * _WEIGHTS[pattern.severity] * 0.5 ** min(seen[pattern.name], 10)
        seen[pattern.name] += 1
    return min(MOST_PENALTY, total)


def explain_score(parts: Mapping[str, float], penalty: float) -> list[str]:
    """Return the features that moved the prediction most, and the penalty, in words."""
    strongest = sorted(parts.items(), key=lambda part: -abs(part[1]))[:_NAMED_REASONS]
    reasons = [
        f"{name.replace('_', ' ')} {'raises' if part > 0 else 'lowers'} predicted dissatisfaction ({part:+.2f})"
        for name, part in strongest
        if abs(part) >= 0.05
    ]
    if penalty:
        reasons.append(f"patterns take off {penalty:.1f}")
    return reasons


def rate_subscores(
    features: Features, counts: Mapping[str, int], resolution: Resolution, why: str, escalation: Escalation
) -> tuple[dict[str, float], list[str]]:
    """Return the subscores (resolution, effort, sentiment, service, completeness; 0–10) and one reason for each.

    They explain a conversation and are not parts of the score.
    """
    rated = {
        "resolution": (_RESOLUTION[resolution], f"{resolution}: {why}"),
        "effort": _rate_effort(features, counts, escalation),
        "sentiment": _rate_sentiment(features, counts),
        "service": _deduct(
            {
                "failed or refused": 3.0 * counts.get("unhelpful_response", 0),
                "stock phrases": 2.0 * counts.get("generic_responses", 0),
                "said the same again": 1.5 * counts.get("repeated_response", 0),
                "contradicted itself": 3.0 * counts.get("contradiction", 0),
                "answered in a few characters": 1.0 * counts.get("responses_under_20_chars", 0),
            }
        ),
        "completeness": _deduct(
            {
                "no steps to follow": 4.0 * counts.get("missing_specific_steps", 0),
                "did not ask what it needed": 3.0 * counts.get("failed_to_gather_context", 0),
                "answered in a few characters": 1.5 * counts.get("responses_under_20_chars", 0),
                "stock phrases": 2.0 * counts.get("generic_responses", 0),
                "replies share no word with the question": 2.0 * features["reply_wanders"],
                "the last message got no reply": 2.0 * features["ends_with_user"] * (resolution == "unresolved"),
            }
        ),
    }
    scores = {name: round(value, 1) for name, (value, _) in rated.items()}
    return scores, [f"{name} {scores[name]:g}: {reason}" for name, (_, reason) in rated.items()]


def _rate_effort(features: Features, counts: Mapping[str, int], escalation: Escalation) -> tuple[float, str]:
    turns = math.expm1(features["turns"])
    return _deduct(
        {
            "a long conversation": min(3.0, 0.25 * max(0.0, turns - 6)),
            "had to repeat the question": 2.0 * counts.get("user_repeats_question", 0),
            "had to correct the assistant": 4.0 * features["user_negates"],
            "had to ask for a person": 1.5 * escalation.requested,
            "was handed over": 1.5 * escalation.done,
        }
    )


def _rate_sentiment(features: Features, counts: Mapping[str, int]) -> tuple[float, str]:
    mean, last = features["user_sentiment"], features["user_sentiment_last"]
    angry = counts.get("user_frustration", 0)
    value = 6.0 + 2.0 * mean + 2.0 * last - 2.0 * min(2, angry)
    mood = "friendly" if mean > 0.2 else "negative" if mean < -0.2 else "neutral"
    reason = f"{mood} after the first reply ({mean:+.2f}, at the end {last:+.2f})"
    return max(0.0, min(10.0, value)), f"{reason}, {angry} angry messages" if angry else reason


def _deduct(faults: Mapping[str, float]) -> tuple[float, str]:
    present = {name: amount for name, amount in faults.items() if amount >= 0.25}
    names = sorted(present, key=lambda name: -present[name])
    return max(0.0, 10.0 - sum(faults.values())), ", ".join(names) or "nothing to fault"
