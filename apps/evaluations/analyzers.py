"""The analyzers of one application, compiled once and kept while its profile stays the same."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from apps.evaluations.domain import performance
from apps.evaluations.domain.business import VERSION as BUSINESS_VERSION
from apps.evaluations.domain.business import BusinessAnalyzer
from apps.evaluations.domain.quality import VERSION as QUALITY_VERSION
from apps.evaluations.domain.quality import QualityAnalyzer
from apps.evaluations.domain.security import VERSION as SECURITY_VERSION
from apps.evaluations.domain.security import SecurityAnalyzer
from apps.evaluations.domain.security.ngram_scorer import builtin_scorer
from apps.evaluations.domain.security.replies import builtin_refusal_model
from apps.evaluations.domain.taught import Taught
from apps.evaluations.domain.values import ApplicationProfile, Conversation, ConversationResult, Incident, Message

SECURITY = "security-analysis"
QUALITY = "quality-assessment"
BUSINESS = "business-intelligence"
PERFORMANCE = "performance-analysis"
# Whole numbers, so that a newer version is the greater one; the first is followed by the revision of what the
# organization taught its detectors ("4.17").
VERSIONS = {
    SECURITY: SECURITY_VERSION,
    QUALITY: QUALITY_VERSION,
    BUSINESS: BUSINESS_VERSION,
    PERFORMANCE: performance.VERSION,
}
# Under which key a result stands in the API and in reports.
SECTIONS = {SECURITY: "security", QUALITY: "quality", BUSINESS: "business", PERFORMANCE: "performance"}
_NOTHING = Taught()
# When a text was said that is looked at alone: nothing in it depends on it.
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


class Suite:
    """All built-in analyzers, compiled for one application."""

    def __init__(self, profile: ApplicationProfile, taught: Taught) -> None:
        # Of all that a result depends on besides the conversation and the time.
        encoded = msgspec.json.encode((VERSIONS, profile, taught), order="sorted")
        self.fingerprint = int.from_bytes(hashlib.sha256(encoded).digest()[:8], signed=True)
        self.versions = VERSIONS | {SECURITY: f"{SECURITY_VERSION}.{taught.revision}"}
        self._security = SecurityAnalyzer(
            profile,
            scorer=builtin_scorer(),
            replies=builtin_refusal_model(),
            extra_rules=taught.rules,
            served_prompts=taught.prompts,
        )
        self._quality = QualityAnalyzer(profile)
        self._business = BusinessAnalyzer(profile)
        self._performance = performance.PerformanceAnalyzer(profile)

    def analyze(self, conversation: Conversation, *, at: datetime) -> ConversationResult:
        """Return what every analyzer says of a conversation as known at ``at``."""
        return ConversationResult(
            security=self._security.analyze(conversation),
            quality=self._quality.analyze(conversation, at=at),
            business=self._business.analyze(conversation, at=at),
            performance=self._performance.analyze(conversation),
        )

    def screen(self, text: str) -> list[Incident]:
        """Return what the security analysis finds in a text alone: said by a user, and as a reply."""
        said = [Message(digest="", role=role, content=text, sent_at=_EVER) for role in ("user", "assistant")]
        alone = [Conversation(session_id="", messages=(each,), started_at=_EVER, last_at=_EVER) for each in said]
        return [incident for each in alone for incident in self._security.analyze(each).incidents]


def suite(profile: dict[str, Any], taught: Taught = _NOTHING) -> Suite:
    """Return the analyzers for a stored profile and what the organization taught; compiled once in a process."""
    return _compile(msgspec.json.encode(profile, order="sorted"), taught)


@lru_cache(maxsize=64)
def _compile(encoded: bytes, taught: Taught) -> Suite:
    return Suite(msgspec.json.decode(encoded, type=ApplicationProfile, strict=False), taught)
