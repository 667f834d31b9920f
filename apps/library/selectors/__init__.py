"""Reads of the library. Call inside tenant(...)."""

from apps.library.selectors.prompts import (
    ServedPrompt,
    ServedVersion,
    find_prompt,
    find_version,
    label_history,
    labelled_version,
    labels_of,
    list_prompts,
    list_versions,
    serving_prompts,
    serving_state,
    standing_labels,
)

__all__ = [
    "ServedPrompt",
    "ServedVersion",
    "find_prompt",
    "find_version",
    "label_history",
    "labelled_version",
    "labels_of",
    "list_prompts",
    "list_versions",
    "serving_prompts",
    "serving_state",
    "standing_labels",
]
