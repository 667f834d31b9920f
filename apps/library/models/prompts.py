"""Prompts, their immutable versions, and which version a label names."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from apps.platform.tenancy import TenantModel


class Prompt(TenantModel):
    """A prompt of the organization, shared by its applications. What it says stands in its versions."""

    class Type(models.TextChoices):
        TEXT = "text"
        CHAT = "chat"

    name = models.CharField(max_length=100)
    type = models.CharField(max_length=8, choices=Type, default=Type.TEXT)
    description = models.CharField(max_length=500, default="", blank=True)
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    owner = models.CharField(max_length=254, default="", blank=True)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="a_prompt_name_is_used_once"),
        ]

    def __str__(self) -> str:
        return self.name


class PromptVersion(TenantModel):
    """What a prompt says, frozen: the database refuses to change it."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="versions", db_constraint=False)
    number = models.PositiveIntegerField()
    # A text, or a list of {role, content}.
    content = models.JSONField()
    # Model and parameters.
    config = models.JSONField(default=dict)
    content_hash = models.CharField(max_length=64)
    note = models.CharField(max_length=500, default="")
    # The version it was written from; None for the first, and for one written from nothing.
    parent = models.PositiveIntegerField(null=True)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "prompt", "number"], name="a_version_number_is_used_once"),
            models.UniqueConstraint(
                fields=["organization", "prompt", "content_hash"], name="a_prompt_says_a_thing_in_one_version"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="versions_count_from_one"),
            models.CheckConstraint(
                condition=Q(parent=None) | Q(parent__lt=F("number")), name="a_version_comes_from_an_earlier_one"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class LabelAssignment(TenantModel):
    """That a label named a version from ``at`` until ``ended_at``. Append-only but for its end."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="labels", db_constraint=False)
    version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="labels", db_constraint=False)
    label = models.CharField(max_length=50)
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    reason = models.CharField(max_length=500, default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "prompt", "label"],
                condition=Q(ended_at=None),
                name="a_label_names_one_version_at_a_time",
            ),
        ]
        indexes = [models.Index(fields=["organization", "prompt", "-id"], name="labels_newest")]

    def __str__(self) -> str:
        return self.label


class PendingLabel(TenantModel):
    """That a person asked for a label to name a version, where the organization wants a second person's word."""

    version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    label = models.CharField(max_length=50)
    asked_by = models.CharField(max_length=254)
    asked_at = models.DateTimeField()
    reason = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "prompt", "label"], name="one_move_of_a_label_waits_for_a_second_person"
            ),
        ]

    def __str__(self) -> str:
        return self.label
