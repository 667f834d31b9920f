"""What an organization taught its detectors: threat patterns, and the prompts its applications were served."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.organizations.models import Application
from apps.platform.tenancy import TenantModel


class ThreatPattern(TenantModel):
    """A detection rule of the organization, for all its applications once a person approved it.

    A version never changes what it matches; another pattern under the same name is the next version.
    """

    class Status(models.TextChoices):
        CANDIDATE = "candidate"
        APPROVED = "approved"
        RETIRED = "retired"

    class Source(models.TextChoices):
        PERSON = "person"
        CLUSTER = "cluster"

    name = models.CharField(max_length=100)
    version = models.PositiveIntegerField(default=1)
    pattern = models.CharField(max_length=2000)
    type = models.CharField(max_length=40)
    severity = models.CharField(max_length=10)
    status = models.CharField(max_length=10, choices=Status, default=Status.CANDIDATE)
    source = models.CharField(max_length=10, choices=Source, default=Source.PERSON)
    # Where its cluster was found; None for one that a person wrote.
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, null=True, related_name="+", db_constraint=False
    )
    # The oldest conversation of its cluster; when it was written, for one that a person wrote.
    first_seen_at = models.DateTimeField()
    messages = models.PositiveIntegerField(default=0)
    users = models.PositiveIntegerField(default=0)
    sessions = models.JSONField(default=list)
    examples = models.JSONField(default=list)
    # The share of harmless messages it may match and still go live.
    benign_limit = models.FloatField()
    benign_hits = models.PositiveIntegerField(null=True)
    benign_messages = models.PositiveIntegerField(null=True)
    measured_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    approved_by = models.CharField(max_length=254, default="")
    approved_at = models.DateTimeField(null=True)
    retired_by = models.CharField(max_length=254, default="")
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name", "version"], name="a_threat_pattern_version_is_used_once"
            ),
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=Q(status="approved"),
                name="one_version_of_a_threat_pattern_is_live",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved") | Q(approved_at__isnull=False),
                name="a_live_threat_pattern_was_approved",
            ),
            models.CheckConstraint(
                condition=Q(retired_at=None) | Q(status="retired"), name="a_retired_threat_pattern_is_not_live"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="threat_patterns_newest"),
            models.Index(
                fields=["organization", "id"], condition=Q(status="approved"), name="threat_patterns_that_are_live"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def false_positive_rate(self) -> float | None:
        """The share of harmless messages it matches; None before it was measured."""
        return (
            self.benign_hits / self.benign_messages if self.benign_messages and self.benign_hits is not None else None
        )


class SystemPromptFingerprint(TenantModel):
    """A text that an application may be served as its prompt, for the leak detector to know it again."""

    name = models.CharField(max_length=120)
    content_hash = models.CharField(max_length=64)
    content = models.TextField()
    known_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "content_hash"], name="a_served_prompt_is_known_once"),
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="served_prompts_newest")]

    def __str__(self) -> str:
        return self.name
