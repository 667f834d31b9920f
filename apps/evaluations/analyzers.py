"""The built-in analyzers of one application, compiled once and kept while its profile stays the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from apps.evaluations.domain import performance
from apps.evaluations.domain.business import VERSION as BUSINESS_VERSION
from apps.evaluations.domain.business import BusinessAnalyzer
from apps.evaluations.domain.performance import PerformanceAnalyzer
from apps.evaluations.domain.quality import VERSION as QUALITY_VERSION
from apps.evaluations.domain.quality import QualityAnalyzer
from apps.evaluations.domain.security import VERSION as SECURITY_VERSION
from apps.evaluations.domain.security import SecurityAnalyzer
from apps.evaluations.domain.values import (
    ApplicationProfile,
    Conversation,
    ConversationResult,
    IntentSlots,
    Plan,
)

VERSIONS = {
    "security-analysis": SECURITY_VERSION,
    "quality-assessment": QUALITY_VERSION,
    "business-intelligence": BUSINESS_VERSION,
    "performance-analysis": performance.VERSION,
}


@dataclass(frozen=True)
class Suite:
    """The four analyzers of one application."""

    security: SecurityAnalyzer
    quality: QualityAnalyzer
    business: BusinessAnalyzer
    performance: PerformanceAnalyzer

    def analyze(self, conversation: Conversation, *, at: datetime) -> ConversationResult:
        """Return all four results of one conversation, as of ``at``."""
        return ConversationResult(
            security=self.security.analyze(conversation),
            quality=self.quality.analyze(conversation, at=at),
            business=self.business.analyze(conversation, at=at),
            performance=self.performance.analyze(conversation),
        )


def suite_for(profile: dict[str, Any]) -> Suite:
    """Return the analyzers for a stored profile; compiled once for each distinct profile in a process."""
    return _compile(msgspec.json.encode(profile, order="sorted"))


@lru_cache(maxsize=64)
def _compile(encoded: bytes) -> Suite:
    profile = read_profile(msgspec.json.decode(encoded))
    return Suite(
        SecurityAnalyzer(profile), QualityAnalyzer(profile), BusinessAnalyzer(profile), PerformanceAnalyzer(profile)
    )


def read_profile(stored: dict[str, Any]) -> ApplicationProfile:
    """Return the analyzers' view of a stored profile (its shape was checked when it was saved)."""

    def money(key: str) -> Decimal | None:
        return None if stored.get(key) is None else Decimal(str(stored[key]))

    return ApplicationProfile(
        system_prompt=stored.get("system_prompt", ""),
        canaries=tuple(stored.get("canaries", ())),
        plans=tuple(Plan(plan["name"], Decimal(str(plan["monthly_price"]))) for plan in stored.get("plans", ())),
        intents=tuple(
            IntentSlots(
                entry["intent"],
                tuple(entry["keywords"]),
                {slot: tuple(words) for slot, words in entry.get("slots", {}).items()},
            )
            for entry in stored.get("intents", ())
        ),
        languages=tuple(stored.get("languages", ("en",))),
        cost_per_thousand_input_tokens=money("cost_per_thousand_input_tokens"),
        cost_per_thousand_output_tokens=money("cost_per_thousand_output_tokens"),
        default_monthly_value=money("default_monthly_value"),
    )
