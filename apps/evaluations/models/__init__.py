"""What analysis keeps: results and facts, what the organization taught its detectors, what people say of verdicts."""

from apps.evaluations.models.pinned import PinnedConversation
from apps.evaluations.models.results import (
    LEAKED,
    Assessment,
    ConversationFact,
    DailyRollup,
    EvaluationRun,
    FactAssignment,
)
from apps.evaluations.models.taught import SystemPromptFingerprint, ThreatPattern
from apps.evaluations.models.topics import Topic, TopicDay, TopicModel
from apps.evaluations.models.verdicts import AuditItem, Calibration, VerdictLabel

__all__ = [
    "LEAKED",
    "Assessment",
    "AuditItem",
    "Calibration",
    "ConversationFact",
    "DailyRollup",
    "EvaluationRun",
    "FactAssignment",
    "PinnedConversation",
    "SystemPromptFingerprint",
    "ThreatPattern",
    "Topic",
    "TopicDay",
    "TopicModel",
    "VerdictLabel",
]
