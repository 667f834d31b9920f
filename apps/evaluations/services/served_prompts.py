"""Tells the leak detector which texts applications may be served as their prompts."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from apps.evaluations.models import SystemPromptFingerprint

# What is filled in when a prompt is served differs from reader to reader, and ends the sentence for comparing.
_VARIABLE = re.compile(r"\{\{[^{}]*\}\}")


def remember_prompt(*, organization_id: int, name: str, content_hash: str, content: Any, at: datetime) -> None:
    """Have leaks of this text be known from now on, in every application. Call inside tenant(...).

    ``content`` is a text or a list of {role, content}, of which what is not the user's counts.
    """
    if isinstance(content, list):
        content = "\n".join(str(each.get("content", "")) for each in content if each.get("role") != "user")
    SystemPromptFingerprint.objects.get_or_create(
        organization_id=organization_id,
        content_hash=content_hash,
        defaults={"name": name[:120], "content": _VARIABLE.sub("\n", content), "known_at": at},
    )
