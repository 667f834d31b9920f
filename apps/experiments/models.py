"""Experiments and rollouts: what was planned, who was exposed, what was seen, what was decided."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.library.models import Prompt
from apps.platform.tenancy import TenantModel


class Experiment(TenantModel):
    """A question about a prompt's versions, or a rollout, which asks none and has steps.

    ``plan`` is frozen at the start; a change afterwards is a new phase.
    """

    class Kind(models.TextChoices):
        EXPERIMENT = "experiment"
        ROLLOUT = "rollout"

    class State(models.TextChoices):
        DRAFT = "draft"
        SCHEDULED = "scheduled"
        RUNNING = "running"
        PAUSED = "paused"
        INVALID = "invalid"
        AWAITING_APPROVAL = "awaiting_approval"
        PROMOTED = "promoted"
        NO_WINNER = "no_winner"
        LOSER = "loser"
        ROLLED_BACK = "rolled_back"
        STOPPED = "stopped"

    # While in one of these the experiment has its prompt to itself.
    LIVE = (State.SCHEDULED, State.RUNNING, State.PAUSED, State.INVALID, State.AWAITING_APPROVAL)
    # While in one of these it decides what units are served.
    SERVING = (State.RUNNING, State.PAUSED, State.INVALID, State.AWAITING_APPROVAL)

    public_id = models.CharField(max_length=16)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.EXPERIMENT)
    name = models.CharField(max_length=200)
    hypothesis = models.TextField(default="")
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    label = models.CharField(max_length=50, default="production")
    plan = models.JSONField()
    state = models.CharField(max_length=20, choices=State, default=State.DRAFT)
    reason = models.TextField(default="")
    needs = models.TextField(default="")
    # The version the label stood at when it started: what a rollback leaves in place. None: the label stood nowhere.
    version_before = models.PositiveIntegerField(null=True)
    winner = models.CharField(max_length=50, default="")
    step = models.PositiveSmallIntegerField(default=0)
    step_since = models.DateTimeField(null=True)
    step_approved = models.BooleanField(default=False)
    # Which analyzers judged when it started.
    analyzers = models.JSONField(default=dict)
    # What was seen at the decision; until then results are read afresh.
    results = models.JSONField(null=True)
    # Rises with every change: the sum over an organization tells servers whether to look again.
    revision = models.PositiveIntegerField(default=1)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    start_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # The organization's time of the last tick.
    looked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="an_experiment_id_names_one"),
            models.UniqueConstraint(
                fields=["organization", "prompt"],
                condition=Q(state__in=["scheduled", "running", "paused", "invalid", "awaiting_approval"]),
                name="a_prompt_has_one_live_experiment",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="experiments_newest"),
            models.Index(fields=["organization", "state"], name="experiments_by_state"),
        ]

    def __str__(self) -> str:
        return self.name


class Phase(TenantModel):
    """A stretch of an experiment with one salt: its units are dealt anew in the next."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="phases", db_constraint=False)
    number = models.PositiveSmallIntegerField()
    # Stands in every assignment id, so results need no join.
    public_id = models.CharField(max_length=16)
    salt = models.CharField(max_length=32)
    slice_from = models.FloatField(default=0)
    slice_to = models.FloatField(default=1)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "experiment", "number"], name="phases_are_numbered"),
            models.UniqueConstraint(fields=["organization", "public_id"], name="a_phase_id_names_one"),
            models.CheckConstraint(
                condition=Q(slice_from__gte=0) & Q(slice_to__lte=1) & Q(slice_from__lt=models.F("slice_to")),
                name="a_slice_lies_within_its_layer",
            ),
        ]

    def __str__(self) -> str:
        return f"phase {self.number}"


class Exposure(TenantModel):
    """The first time a unit was served its variant, with the hash of what was really served."""

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    unit = models.CharField(max_length=24)
    variant = models.PositiveSmallIntegerField()
    served_hash = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "phase", "unit"], name="a_unit_is_exposed_once_a_phase"),
        ]

    def __str__(self) -> str:
        return self.unit


class Snapshot(TenantModel):
    """What one tick saw. Append-only: written when something changed since the last."""

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="snapshots", db_constraint=False)
    at = models.DateTimeField()
    figures = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "phase", "at"], name="a_phase_is_seen_once_a_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.at}"


class Decision(TenantModel):
    """A rule that spoke, or a person: what was done, why, on what evidence. Append-only."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="decisions", db_constraint=False)
    # 0 before the first phase.
    phase = models.PositiveSmallIntegerField(default=0)
    rule = models.CharField(max_length=40)
    action = models.CharField(max_length=20)
    variant = models.CharField(max_length=50, default="")
    reason = models.TextField(default="")
    actor = models.CharField(max_length=254)
    evidence = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["organization", "experiment", "-id"], name="decisions_newest")]

    def __str__(self) -> str:
        return f"{self.rule} {self.action}"


class PromotionApproval(TenantModel):
    """A person who approved a winner's promotion."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="approvals", db_constraint=False)
    phase = models.PositiveSmallIntegerField()
    person = models.CharField(max_length=254)
    reason = models.CharField(max_length=500, default="")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "experiment", "phase", "person"], name="a_person_approves_once"
            ),
        ]

    def __str__(self) -> str:
        return self.person
