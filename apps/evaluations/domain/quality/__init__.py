"""quality-assessment: how well a conversation went, from patterns, resolution, escalation and satisfaction."""

from apps.evaluations.domain.quality.analyzer import COVERED_LANGUAGES, VERSION, QualityAnalyzer
from apps.evaluations.domain.quality.patterns import PATTERNS
from apps.evaluations.domain.quality.replies import find_common_replies

__all__ = ["COVERED_LANGUAGES", "PATTERNS", "VERSION", "QualityAnalyzer", "find_common_replies"]
