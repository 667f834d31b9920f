"""What the organization taught its detectors. Call inside tenant(...)."""

from __future__ import annotations

from django.db.models import Count, Q

from apps.evaluations.domain.security.rulepack import Rule
from apps.evaluations.domain.security.threats import Threat
from apps.evaluations.domain.taught import Taught
from apps.evaluations.models import SystemPromptFingerprint, ThreatPattern

# Versions of prompts look alike; the newest are the ones that were served lately.
_MOST_PROMPTS = 50


def read_taught() -> Taught:
    """Return what every application's analyzers run besides the built-in rules; three queries."""
    live = ThreatPattern.objects.filter(status=ThreatPattern.Status.APPROVED).order_by("id")
    prompts = SystemPromptFingerprint.objects.order_by("-id").values_list("content", flat=True)
    decided = ThreatPattern.objects.aggregate(
        approved=Count("id", filter=Q(approved_at__isnull=False)),
        retired=Count("id", filter=Q(retired_at__isnull=False)),
    )
    return Taught(
        rules=tuple(rule_of(pattern) for pattern in live),
        prompts=tuple(prompts[:_MOST_PROMPTS]),
        revision=decided["approved"] + decided["retired"],
    )


def rule_of(pattern: ThreatPattern) -> Rule:
    """Return the detection rule a stored pattern is."""
    return Threat(pattern.name, pattern.pattern, pattern.type, pattern.severity).rule(pattern.version)  # type: ignore[arg-type]
