"""What people do with an insight: acknowledge it, give it to a team, say something about it."""

from __future__ import annotations

from datetime import datetime

from apps.insights.models import Comment, Insight
from apps.insights.services.alerting import alert_team
from apps.organizations.models import Membership
from apps.organizations.services import record_audit

MOST_TEXT = 2_000


class NotNow(Exception):
    """What this state does not have; says why."""


def acknowledge(*, insight_id: int, at: datetime, actor: str) -> Insight:
    """Say that somebody has seen it; repeating it changes nothing. Call inside tenant(...). Raises NotNow."""
    insight = _lock(insight_id)
    if insight.acknowledged_at is not None:
        return insight
    insight.state = Insight.State.ACKNOWLEDGED
    insight.acknowledged_by, insight.acknowledged_at = actor, at
    insight.save(update_fields=["state", "acknowledged_by", "acknowledged_at"])
    _audit(insight, "insight.acknowledged", at=at, actor=actor)
    return insight


def assign(*, insight_id: int, team: str, at: datetime, actor: str) -> Insight:
    """Give it to a team; whoever assigns it has seen it. Raises NotNow, and ValueError for a team there is not."""
    if team not in Membership.Team.values:
        raise ValueError(f"a team is one of {', '.join(Membership.Team.values)}")
    insight = _lock(insight_id)
    if insight.state == Insight.State.ASSIGNED and insight.team == team:
        return insight
    before, insight.state, insight.team = insight.team, Insight.State.ASSIGNED, team
    if insight.acknowledged_at is None:
        insight.acknowledged_by, insight.acknowledged_at = actor, at
    insight.save(update_fields=["state", "team", "acknowledged_by", "acknowledged_at"])
    _audit(insight, "insight.assigned", at=at, actor=actor, team=team, before=before)
    alert_team(insight, why=f"given to your team by {actor}", at=at)
    return insight


def comment(*, insight: Insight, text: str, at: datetime, actor: str) -> Comment:
    """Keep a person's words about it. Call inside tenant(...). Raises ValueError for none, or too many."""
    said = text.strip()
    if not said or len(said) > MOST_TEXT or "\x00" in said:
        raise ValueError(f"a comment has 1 to {MOST_TEXT:,} characters")
    made: Comment = Comment.objects.create(
        organization_id=insight.organization_id, insight=insight, person=actor, text=said, at=at
    )
    _audit(insight, "insight.commented", at=at, actor=actor)
    return made


def _lock(insight_id: int) -> Insight:
    insight: Insight = Insight.objects.select_for_update(of=("self",)).select_related("application").get(id=insight_id)
    if insight.state == Insight.State.RESOLVED:
        raise NotNow("It is resolved: its condition is gone.")
    return insight


def _audit(insight: Insight, action: str, *, at: datetime, actor: str, **detail: str) -> None:
    record_audit(
        organization_id=insight.organization_id, at=at, actor=actor, action=action, subject=insight.public_id, **detail
    )
