"""Insights: what periods said, told as stories that last as long as what they tell of does; who hears of new ones."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.ingestion.models import Conversation
from apps.insights.domain.alerting import GROUPS, Wish
from apps.insights.domain.signals import KINDS, SEVERITIES
from apps.organizations.models import Application, Membership
from apps.platform.models import WebhookEndpoint
from apps.platform.tenancy import TenantModel


class Insight(TenantModel):
    """A story: something found, for as long as it is found again. It ends by itself, when its condition is gone."""

    class State(models.TextChoices):
        OPEN = "open"
        ACKNOWLEDGED = "acknowledged"
        ASSIGNED = "assigned"
        RESOLVED = "resolved"

    # While in one of these what was found goes on.
    LIVE = (State.OPEN, State.ACKNOWLEDGED, State.ASSIGNED)

    class Course(models.TextChoices):
        WORSENING = "worsening"
        IMPROVING = "improving"
        STEADY = "steady"
        UNKNOWN = "unknown"

    public_id = models.CharField(max_length=16)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in KINDS])
    key = models.CharField(max_length=500)
    metric = models.CharField(max_length=64)
    severity = models.CharField(max_length=8, choices=[(severity, severity) for severity in SEVERITIES])
    # What the newest sighting says: its words, its figures, the filters that list its conversations, its period.
    statement = models.TextField()
    figures = models.JSONField()
    rows = models.JSONField(default=dict)
    # The period in which it was first seen began then; the newest went from ``newest_since`` to ``until``.
    since = models.DateTimeField()
    newest_since = models.DateTimeField()
    until = models.DateTimeField()
    times_seen = models.PositiveIntegerField(default=1)
    course = models.CharField(max_length=10, choices=Course, default=Course.UNKNOWN)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    team = models.CharField(max_length=16, choices=Membership.Team, default="")
    acknowledged_by = models.CharField(max_length=254, default="")
    acknowledged_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="an_insight_id_names_one"),
            models.UniqueConstraint(
                fields=["organization", "application", "kind", "key", "since"], name="a_story_begins_once_a_period"
            ),
            models.UniqueConstraint(
                fields=["organization", "application", "kind", "key"],
                condition=Q(resolved_at=None),
                name="the_same_thing_going_on_is_one_story",
            ),
            models.CheckConstraint(
                condition=Q(state="resolved", resolved_at__isnull=False)
                | (~Q(state="resolved") & Q(resolved_at__isnull=True)),
                name="a_resolved_insight_says_when",
            ),
            models.CheckConstraint(condition=~Q(state="assigned") | ~Q(team=""), name="an_assigned_insight_has_a_team"),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="insights_newest"),
            models.Index(fields=["organization", "state", "-id"], name="insights_by_state"),
        ]

    def __str__(self) -> str:
        return self.statement


class Sighting(TenantModel):
    """What one period showed of a story. Repeating a look writes the same sighting."""

    insight = models.ForeignKey(Insight, on_delete=models.CASCADE, related_name="sightings", db_constraint=False)
    since = models.DateTimeField()
    until = models.DateTimeField()
    severity = models.CharField(max_length=8)
    statement = models.TextField()
    figures = models.JSONField()
    cycle_id = models.CharField(max_length=16, default="")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "insight", "until"], name="a_period_shows_a_story_once"),
        ]

    def __str__(self) -> str:
        return self.statement


class Evidence(TenantModel):
    """A conversation that stands for an insight's newest sighting. It goes when the conversation goes."""

    insight = models.ForeignKey(Insight, on_delete=models.CASCADE, related_name="evidence", db_constraint=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    place = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "insight", "conversation"], name="a_conversation_is_evidence_once"
            ),
        ]
        indexes = [models.Index(fields=["organization", "conversation"], name="evidence_of_conversation")]

    def __str__(self) -> str:
        return f"evidence {self.place}"


class Comment(TenantModel):
    """What a person said about an insight."""

    insight = models.ForeignKey(Insight, on_delete=models.CASCADE, related_name="comments", db_constraint=False)
    person = models.CharField(max_length=254)
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["organization", "insight", "id"], name="comments_of_insight")]

    def __str__(self) -> str:
        return f"{self.person} at {self.at}"


class AlertSubscription(TenantModel):
    """Who hears of new insights, of which, and when: a person, a team's people, or a webhook. Each has one."""

    public_id = models.CharField(max_length=16)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    team = models.CharField(max_length=16, choices=Membership.Team, default="")
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, null=True, related_name="+", db_constraint=False
    )
    floor = models.CharField(max_length=8, choices=[(severity, severity) for severity in SEVERITIES], default="high")
    about = models.CharField(max_length=16, choices=[(group, group) for group in GROUPS], default="")
    # Of the organization's zone.
    digest_hour = models.PositiveSmallIntegerField(null=True)
    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    made_by = models.CharField(max_length=254)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="a_subscription_id_names_one"),
            models.UniqueConstraint(fields=["organization", "person"], name="a_person_subscribes_once"),
            models.UniqueConstraint(
                fields=["organization", "team"], condition=~Q(team=""), name="a_team_subscribes_once"
            ),
            models.UniqueConstraint(fields=["organization", "endpoint"], name="an_endpoint_subscribes_once"),
            models.CheckConstraint(
                condition=Q(person__isnull=False, team="", endpoint=None)
                | (Q(person=None, endpoint=None) & ~Q(team=""))
                | Q(person=None, team="", endpoint__isnull=False),
                name="a_subscription_is_a_persons_a_teams_or_an_endpoints",
            ),
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None) | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="quiet_hours_begin_and_end",
            ),
            models.CheckConstraint(
                condition=Q(digest_hour=None) | Q(digest_hour__lt=24), name="a_digest_has_an_hour_of_the_day"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def wish(self) -> Wish:
        """What it asks for."""
        return Wish(self.floor, self.about, self.digest_hour, self.quiet_from, self.quiet_until)  # type: ignore[arg-type]


class Alert(TenantModel):
    """An insight on its way to a subscription: once."""

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        WITHDRAWN = "withdrawn"

    insight = models.ForeignKey(Insight, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    subscription = models.ForeignKey(
        AlertSubscription, on_delete=models.CASCADE, related_name="alerts", db_constraint=False
    )
    why = models.CharField(max_length=200)
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    # The organization's times.
    raised_at = models.DateTimeField()
    due_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "insight", "subscription"], name="an_insight_alerts_a_subscription_once"
            ),
        ]
        indexes = [models.Index(fields=["organization", "subscription", "state", "due_at"], name="alerts_due")]

    def __str__(self) -> str:
        return self.why
