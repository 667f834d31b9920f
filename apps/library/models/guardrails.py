"""Guardrails, their immutable versions, which is in force, and what it would have done."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.organizations.models import Application
from apps.platform.tenancy import TenantModel


class Guardrail(TenantModel):
    """One version of a guardrail, frozen: the database refuses to change it."""

    name = models.CharField(max_length=64)
    version = models.PositiveIntegerField()
    # As domain.guardrails.GuardrailContent.
    content = models.JSONField()
    content_hash = models.CharField(max_length=64)
    note = models.CharField(max_length=500, default="")
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name", "version"], name="a_guardrail_version_is_used_once"
            ),
            models.UniqueConstraint(
                fields=["organization", "name", "content_hash"], name="a_guardrail_says_a_thing_in_one_version"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="guardrail_versions_count_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class GuardrailActivation(TenantModel):
    """That a version is in force, for one application or (None) for all, from ``at`` until ``ended_at``.

    Where the organization asks for two people it first waits, without ``at``, for the second. Append-only but for that
    and its end. One for an application stands before one for all.
    """

    guardrail = models.ForeignKey(Guardrail, on_delete=models.CASCADE, related_name="activations", db_constraint=False)
    # The guardrail's, so that the database can say that one version is in force.
    name = models.CharField(max_length=64)
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, null=True, related_name="+", db_constraint=False
    )
    requested_by = models.CharField(max_length=254)
    requested_at = models.DateTimeField()
    reason = models.CharField(max_length=500, default="")
    approved_by = models.CharField(max_length=254, default="")
    at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=254, default="")
    end_reason = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name", "application"],
                condition=Q(at__isnull=False, ended_at=None),
                nulls_distinct=False,
                name="a_guardrail_is_in_force_in_one_version",
            ),
            models.UniqueConstraint(
                fields=["organization", "name", "application"],
                condition=Q(at=None, ended_at=None),
                nulls_distinct=False,
                name="one_activation_waits_for_a_second_person",
            ),
        ]
        indexes = [models.Index(fields=["organization", "name", "-id"], name="activations_newest")]

    def __str__(self) -> str:
        return self.name

    @property
    def waits(self) -> bool:
        """Whether it waits for a second person."""
        return self.at is None and self.ended_at is None

    @property
    def stands(self) -> bool:
        """Whether the version is in force by it."""
        return self.at is not None and self.ended_at is None


class Backtest(TenantModel):
    """A guardrail's version tried on an application's captured traffic: whom it would have blocked.

    Its place moves with the counts, in one transaction: one whose worker is killed goes on where it stood.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    public_id = models.CharField(max_length=16)
    guardrail = models.ForeignKey(Guardrail, on_delete=models.CASCADE, related_name="backtests", db_constraint=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    # What it says, over which conversations, judged by which analysis: the same is not computed twice.
    input_hash = models.CharField(max_length=64)
    since = models.DateTimeField()
    until = models.DateTimeField()
    status = models.CharField(max_length=8, choices=Status, default=Status.QUEUED)
    # The conversation it has come to, newest first.
    reached_at = models.DateTimeField(null=True)
    reached_id = models.BigIntegerField(default=0)
    # As domain.backtesting.Tally.
    tally = models.JSONField(default=dict)
    asked_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    # Wall time.
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="a_backtest_id_names_one"),
            models.UniqueConstraint(
                fields=["organization", "guardrail", "application", "input_hash"], name="the_same_is_backtested_once"
            ),
        ]
        indexes = [models.Index(fields=["organization", "guardrail", "-id"], name="backtests_newest")]

    def __str__(self) -> str:
        return self.public_id
