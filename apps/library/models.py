"""The shared library: prompts and guardrails, their immutable versions, and which version is in force."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from apps.organizations.models import Application
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


class LibraryEntry(TenantModel):
    """A version of a prompt offered to the organization's other applications, with what it is to be measured by."""

    public_id = models.CharField(max_length=16)
    version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    title = models.CharField(max_length=200)
    description = models.CharField(max_length=2_000, default="")
    tags = ArrayField(models.CharField(max_length=50), default=list)
    # What an adoption is judged by.
    metric = models.CharField(max_length=60)
    shared_by = models.CharField(max_length=254)
    shared_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="an_entry_id_names_one"),
            models.UniqueConstraint(fields=["organization", "version"], name="a_version_is_shared_once"),
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="entries_newest")]

    def __str__(self) -> str:
        return self.title


class Adoption(TenantModel):
    """That an application took an entry over, into which version of which prompt."""

    entry = models.ForeignKey(LibraryEntry, on_delete=models.CASCADE, related_name="adoptions", db_constraint=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    adopted_by = models.CharField(max_length=254)
    adopted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "entry", "application"], name="an_application_adopts_an_entry_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} by {self.application_id}"


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
