"""Rows every app stands on: pieces of work and stored answers to repeated requests."""

from django.db import models
from django.db.models import Q

from apps.platform.tenancy import TenantModel


class WorkItem(models.Model):
    """A piece of work somebody must do: ids and a lease, never content.

    Not under row security: workers look for work of every organization. They see ids only, and enter the organization
    before they touch anything else.
    """

    kind = models.CharField(max_length=64)
    key = models.CharField(max_length=128)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    # Asked for again while under way: done once more afterwards.
    again = models.BooleanField(default=False)
    parked_reason = models.TextField(default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "kind", "key"], name="work_is_asked_for_once"),
        ]
        indexes = [
            models.Index(fields=["organization", "due_at"], condition=Q(parked_reason=""), name="work_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class IdempotencyRecord(TenantModel):
    """The answer to an unsafe request, kept for 24 hours so that a repeat gets the same one."""

    endpoint = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    body_hash = models.BinaryField(max_length=32)
    response = models.JSONField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    lease_until = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "endpoint", "key"], name="a_key_has_one_answer"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.key}"
