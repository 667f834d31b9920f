"""The analyzers of one application, compiled once and kept while its profile stays the same."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from apps.evaluations.domain.security import VERSION as SECURITY_VERSION
from apps.evaluations.domain.security import SecurityAnalyzer
from apps.evaluations.domain.values import ApplicationProfile

SECURITY = "security-analysis"
VERSIONS = {SECURITY: SECURITY_VERSION}


def security_analyzer(profile: dict[str, Any]) -> SecurityAnalyzer:
    """Return the analyzer for a stored profile; compiled once for each distinct profile in a process."""
    return _compile(msgspec.json.encode(profile, order="sorted"))


@lru_cache(maxsize=64)
def _compile(encoded: bytes) -> SecurityAnalyzer:
    stored = msgspec.json.decode(encoded)
    profile = ApplicationProfile(
        system_prompt=stored.get("system_prompt", ""),
        canaries=tuple(stored.get("canaries", ())),
        languages=tuple(stored.get("languages", ("en",))),
    )
    return SecurityAnalyzer(profile)
