"""What an organization taught its detectors, as the analyzers take it."""

from __future__ import annotations

import msgspec

from apps.evaluations.domain.security.rulepack import Rule


class Taught(msgspec.Struct, frozen=True):
    """Approved threat patterns as rules, and texts served as prompts.

    ``revision`` grows with every pattern approved or retired: results of a later one are the newer ones.
    """

    rules: tuple[Rule, ...] = ()
    prompts: tuple[str, ...] = ()
    revision: int = 0
