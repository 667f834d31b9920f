"""Reads of what was analyzed. Call inside tenant(...)."""

from apps.evaluations.selectors.attempts import MOST_OBSERVED, Attacks, Kinds, Moment, read_attacks, read_attempts
from apps.evaluations.selectors.conversations import (
    AnalyzedConversation,
    Looked,
    find_conversation,
    get_conversation,
    gravest,
    list_facts,
    newest_start,
    poorest,
    read_conversations,
    results_of,
)
from apps.evaluations.selectors.filters import Filters
from apps.evaluations.selectors.metrics import (
    GROUPINGS,
    MOST_GROUPS,
    group_metrics,
    read_metrics,
    read_sliced_metrics,
    read_tallies,
    read_tally,
)
from apps.evaluations.selectors.reports import read_report
from apps.evaluations.selectors.threat_patterns import count_new_patterns
from apps.evaluations.selectors.topics import read_topics, topic_labels

__all__ = [
    "GROUPINGS",
    "MOST_GROUPS",
    "MOST_OBSERVED",
    "AnalyzedConversation",
    "Attacks",
    "Filters",
    "Kinds",
    "Looked",
    "Moment",
    "count_new_patterns",
    "find_conversation",
    "get_conversation",
    "gravest",
    "group_metrics",
    "list_facts",
    "newest_start",
    "poorest",
    "read_attacks",
    "read_attempts",
    "read_conversations",
    "read_metrics",
    "read_report",
    "read_sliced_metrics",
    "read_tallies",
    "read_tally",
    "read_topics",
    "results_of",
    "topic_labels",
]
