"""Reads of what was analyzed. Call inside tenant(...)."""

from apps.evaluations.selectors.conversations import (
    AnalyzedConversation,
    find_conversation,
    list_facts,
    read_conversations,
    results_of,
)
from apps.evaluations.selectors.filters import Filters
from apps.evaluations.selectors.metrics import GROUPINGS, group_metrics, read_metrics, read_tally

__all__ = [
    "GROUPINGS",
    "AnalyzedConversation",
    "Filters",
    "find_conversation",
    "group_metrics",
    "list_facts",
    "read_conversations",
    "read_metrics",
    "read_tally",
    "results_of",
]
