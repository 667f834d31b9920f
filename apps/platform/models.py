"""Rows every app stands on: pieces of work, stored answers to repeated requests, events and who hears of them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from encrypted_fields.fields import EncryptedTextField

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


class OutboxEvent(TenantModel):
    """Something that happened, written with it in one transaction. ``public_id`` names it to every receiver."""

    public_id = models.CharField(max_length=16)
    kind = models.CharField(max_length=64)
    # What it happened to; the same thing happens to it once.
    key = models.CharField(max_length=100)
    summary = models.TextField()
    # Where the portal shows it.
    path = models.CharField(max_length=300, default="")
    payload = models.JSONField(default=dict)
    # The organization's time.
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="an_event_id_names_one"),
            models.UniqueConstraint(fields=["organization", "kind", "key"], name="an_event_is_told_once"),
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="events_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class WebhookEndpoint(TenantModel):
    """An address that hears of events. Its secret signs what is sent; the one before it signs too for a day.

    An address may be a secret itself (Slack's are), so it is kept encrypted like one.
    """

    class Shape(models.TextChoices):
        STANDARD = "standard"
        SLACK = "slack"

    public_id = models.CharField(max_length=16)
    name = models.CharField(max_length=100)
    url = EncryptedTextField()
    # What of the address may be shown.
    host = models.CharField(max_length=255)
    shape = models.CharField(max_length=8, choices=Shape, default=Shape.STANDARD)
    # Kinds of events it hears of; none: only what is sent to it by name, as alerts are.
    events = ArrayField(models.CharField(max_length=64), default=list)
    # Slack's shape has none.
    secret = EncryptedTextField(null=True)
    secret_before = EncryptedTextField(null=True)
    # Wall time until which the secret before still signs.
    secret_before_until = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    # Wall times: nobody has answered well since, and nothing is sent since.
    failing_since = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=300, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="an_endpoint_id_names_one"),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(TenantModel):
    """An event on its way to an endpoint: once, however often it is tried."""

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False
    )
    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False)
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    # What the last attempt heard: a status, or why there was none.
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, default="")
    # Wall times.
    tried_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "endpoint", "event"], name="an_event_is_delivered_to_an_endpoint_once"
            ),
        ]
        indexes = [models.Index(fields=["organization", "endpoint", "-id"], name="deliveries_of_endpoint")]

    def __str__(self) -> str:
        return f"{self.state} after {self.attempts}"
