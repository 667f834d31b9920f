"""What every stage of the wheel is given, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.cycles.domain.configuration import Configuration
from apps.organizations.models import Application, Organization


@dataclass(frozen=True)
class Turn:
    """One turn of the wheel: whose, over which period [since, until), by which configuration.

    ``at`` is the organization's time. ``notes`` are what this stage wrote when it last waited.
    """

    cycle_id: str
    organization: Organization
    application: Application
    since: datetime
    until: datetime
    configuration: Configuration
    at: datetime
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Did:
    """The stage is done. ``text`` says what it did; ``figures`` are JSON; ``unexpected`` is for people to look at."""

    text: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    unexpected: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waits:
    """The stage has asked for work that others do; it is called again, with these notes."""

    waits_for: str
    notes: Mapping[str, Any] = field(default_factory=dict)


Outcome = Did | Waits
