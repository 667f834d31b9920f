"""What the analyses found: the current result per analyzer, its findings, and one text-free fact per conversation."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.evaluations.domain.facts import FAULTS
from apps.ingestion.models import Conversation
from apps.organizations.models import Application
from apps.platform.tenancy import TenantModel

# Conversations in which an attack succeeded or the assistant gave something away.
LEAKED = models.Q(attacks_succeeded__gt=0) | models.Q(findings__overlap=sorted(FAULTS))


class Assessment(TenantModel):
    """The current result of one analyzer on one conversation. An older pair of versions never overwrites a newer."""

    # Every index begins with the organization: one of its own, or of the conversation's, only costs.
    organization = models.ForeignKey(
        "organizations.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    analyzer = models.CharField(max_length=40)
    analyzer_version = models.CharField(max_length=20)
    content_version = models.PositiveIntegerField()
    result = models.JSONField()
    assessed_at = models.DateTimeField()
    # When a result that depends on time (an assumed resolution, a pending upsell) must be looked at again.
    settles_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "conversation", "analyzer"], name="an_analyzer_has_one_result"
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "settles_at"],
                condition=models.Q(settles_at__isnull=False),
                name="assessments_that_settle",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.analyzer}@{self.analyzer_version}"


class EvaluationRun(TenantModel):
    """A second look at an application's conversations.

    Its place (``after``) moves with the results, in one transaction: a run whose worker is killed goes on
    where it stood, and no conversation counts twice.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        CANCELLING = "cancelling"
        CANCELLED = "cancelled"
        FINISHED = "finished"

    public_id = models.CharField(max_length=16)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    analyzers = ArrayField(models.CharField(max_length=40))
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    # In ten-thousandths of the conversations, chosen by a hash of the session id: the same ones every time.
    sample = models.PositiveSmallIntegerField(default=10_000)
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    # Only what today's analyzers have not yet said is worked out; ``current`` counts the others, ``done`` both.
    only_outdated = models.BooleanField(default=False)
    current = models.PositiveIntegerField(default=0)
    after = models.BigIntegerField(default=0)
    asked_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    # Wall times: what an ETA is made of, whatever the organization's clock says.
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    summary = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="a_run_id_names_one_run"),
            models.CheckConstraint(
                condition=models.Q(sample__gte=1) & models.Q(sample__lte=10_000), name="a_sample_is_a_share"
            ),
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="runs_newest")]

    def __str__(self) -> str:
        return self.public_id


class ConversationFact(TenantModel):
    """One text-free row per conversation, kept for 400 days: what every count and rate is made of.

    No foreign key to the conversation: the fact outlives its text.
    """

    # Every index begins with the organization: another one of its own, or of the application's, only costs.
    organization = models.ForeignKey(
        "organizations.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    conversation_id = models.BigIntegerField()
    # The server's date of first capture: what the fact's own 400 days count from.
    captured_on = models.DateField(null=True)
    session_id = models.TextField()
    started_at = models.DateTimeField()
    day = models.DateField()
    agent = models.CharField(max_length=200, default="")
    channel = models.CharField(max_length=100, default="")
    variant = models.CharField(max_length=100, default="")
    prompt_version = models.CharField(max_length=100, default="")
    model = models.CharField(max_length=100, default="")
    environment = models.CharField(max_length=50, default="")
    tags = ArrayField(models.TextField(), default=list)
    unit_hash = models.CharField(max_length=32, default="")
    # The key of its topic; '' where it is of none, None before it was looked at. Analysis leaves it as it is.
    topic = models.CharField(max_length=16, null=True)
    risk_score = models.FloatField(default=0)
    attacks = models.PositiveSmallIntegerField(default=0)
    attacks_blocked = models.PositiveSmallIntegerField(default=0)
    attacks_succeeded = models.PositiveSmallIntegerField(default=0)
    attacks_unclear = models.PositiveSmallIntegerField(default=0)
    findings = ArrayField(models.TextField(), default=list)
    quality_score = models.FloatField(null=True)
    patterns = ArrayField(models.TextField(), default=list)
    escalated = models.BooleanField(default=False)
    resolution = models.CharField(max_length=20, default="unknown")
    upsell = models.CharField(max_length=20, default="none")
    churn = models.CharField(max_length=20, default="none")
    enterprise_lead = models.BooleanField(default=False)
    value = models.DecimalField(max_digits=16, decimal_places=4, default=0)
    fact = models.JSONField()
    # The fingerprint of the analyzers that said this; None where nobody wrote it down.
    analyzers = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "conversation_id"], name="a_conversation_has_one_fact"),
        ]
        indexes = [
            models.Index(fields=["organization", "application", "day", "conversation_id"], name="facts_by_day"),
            # Few conversations have any: lists, leaks and attempts of attacks read nothing else.
            models.Index(
                fields=["organization", "-started_at", "-conversation_id"],
                condition=~models.Q(findings=[]),
                name="facts_with_findings",
            ),
            # Under row security PostgreSQL only guesses how many rows an array lets pass; of numbers it knows.
            models.Index(
                fields=["organization", "-started_at", "-conversation_id"],
                condition=models.Q(attacks__gt=0),
                name="facts_with_attacks",
            ),
            models.Index(
                fields=["organization", "-risk_score", "-conversation_id"],
                condition=models.Q(risk_score__gt=0),
                name="facts_by_risk",
            ),
            models.Index(
                fields=["organization", "-started_at", "-conversation_id"],
                condition=LEAKED,
                name="facts_with_leaks",
            ),
            models.Index(fields=["organization", "-started_at", "-conversation_id"], name="facts_newest"),
            models.Index(
                fields=["organization", "application", "-started_at", "-conversation_id"], name="facts_newest_of_one"
            ),
            models.Index(
                fields=["organization", "agent", "-started_at", "-conversation_id"], name="facts_newest_of_agent"
            ),
            models.Index(
                fields=["organization", "topic", "-started_at", "-conversation_id"],
                condition=models.Q(topic__isnull=False),
                name="facts_newest_of_topic",
            ),
            # Few, and soon none: what a topic is to be given to.
            models.Index(
                fields=["organization", "application", "-started_at", "-conversation_id"],
                condition=models.Q(topic__isnull=True),
                name="facts_without_a_look_at_topic",
            ),
            models.Index(
                fields=["organization", "quality_score", "conversation_id"],
                condition=models.Q(quality_score__isnull=False),
                name="facts_by_score",
            ),
        ]

    def __str__(self) -> str:
        return self.session_id


class FactAssignment(TenantModel):
    """That a conversation belongs to an assignment, as its logs echo it: an experiment's phase, arm and unit."""

    # Compared by bytes, so that all of a phase are one range.
    assignment_id = models.CharField(max_length=100, db_collation="C")
    conversation_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "assignment_id", "conversation_id"],
                name="a_conversation_joins_an_assignment_once",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "conversation_id"], name="assignments_of_conversation"),
        ]

    def __str__(self) -> str:
        return self.assignment_id


class DailyRollup(TenantModel):
    """A day's tally of one slice, recomputed from facts whenever one of that day changes; never incremented."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    day = models.DateField()
    agent = models.CharField(max_length=200, default="")
    variant = models.CharField(max_length=100, default="")
    prompt_version = models.CharField(max_length=100, default="")
    channel = models.CharField(max_length=100, default="")
    tally = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application", "day", "agent", "variant", "prompt_version", "channel"],
                name="a_slice_of_a_day_is_tallied_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}"
