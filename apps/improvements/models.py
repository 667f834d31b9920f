"""Improvements: what was found, what is proposed against it, who approved, what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.experiments.models import Experiment
from apps.insights.models import Insight
from apps.library.models import Guardrail, Prompt
from apps.organizations.models import Application
from apps.platform.tenancy import TenantModel


class Improvement(TenantModel):
    """A proposed change and its life, from the finding to the verdict."""

    class State(models.TextChoices):
        PROPOSED = "proposed"
        APPROVED = "approved"
        RUNNING = "running"
        DEPLOYED = "deployed"
        WON = "won"
        LOST = "lost"
        UNDECIDED = "undecided"
        ROLLED_BACK = "rolled_back"
        REJECTED = "rejected"
        RETIRED = "retired"

    # While in one of these, nothing else is proposed for the same pattern.
    OPEN = (State.PROPOSED, State.APPROVED, State.RUNNING)

    class Policy(models.TextChoices):
        AUTO_FIX = "auto_fix"
        MANUAL_REVIEW = "manual_review"

    public_id = models.CharField(max_length=16)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    # A bundle of the playbook, or what a person called theirs.
    key = models.CharField(max_length=100)
    title = models.CharField(max_length=200)
    why = models.TextField()
    # What it answers; None for what a person proposes out of their own head.
    insight = models.ForeignKey(Insight, on_delete=models.CASCADE, null=True, related_name="+", db_constraint=False)
    # What was found, as it was then: triggers, metrics with value, insights with n and interval, evidence.
    finding = models.JSONField(default=dict)
    expect = models.TextField(default="")
    sections = models.JSONField(default=list)
    path = models.CharField(max_length=10, default="experiment")
    policy = models.CharField(max_length=16, choices=Policy, default=Policy.MANUAL_REVIEW)
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    # What it enforces, in force for the application by it; None: it changes the prompt alone. A change that only
    # enforces has the version before as its version.
    guardrail = models.ForeignKey(
        Guardrail, on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    # What was in force there under this name when it began: what a rollback puts back.
    guardrail_before = models.ForeignKey(
        Guardrail, on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    label = models.CharField(max_length=50, default="production")
    base_version = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    # How it is judged: metric, guardrails, minimum detectable effect, steps.
    judged_by = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State, default=State.PROPOSED)
    reason = models.TextField(default="")
    experiment = models.ForeignKey(
        Experiment, on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    # The verdict's figures once there are any.
    outcome = models.JSONField(null=True)
    cycle_id = models.CharField(max_length=16, default="")
    proposed_by = models.CharField(max_length=254)
    proposed_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="an_improvement_id_names_one"),
            models.UniqueConstraint(
                fields=["organization", "application", "key"],
                condition=Q(state__in=["proposed", "approved", "running"]),
                name="a_pattern_has_one_open_proposal",
            ),
            models.UniqueConstraint(
                fields=["organization", "insight", "key", "prompt"],
                condition=Q(insight__isnull=False),
                name="a_bundle_answers_an_insight_once_a_prompt",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="improvements_newest"),
            models.Index(fields=["organization", "application", "key", "-id"], name="improvements_of_pattern"),
        ]

    def __str__(self) -> str:
        return self.title


class Approval(TenantModel):
    """A person who approved an improvement."""

    improvement = models.ForeignKey(
        Improvement, on_delete=models.CASCADE, related_name="approvals", db_constraint=False
    )
    person = models.CharField(max_length=254)
    reason = models.CharField(max_length=500, default="")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "improvement", "person"], name="a_person_approves_an_improvement_once"
            ),
        ]

    def __str__(self) -> str:
        return self.person


class ProbeRun(TenantModel):
    """Old against new on the application's own model, probe by probe; asked for once, resumed after any death."""

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        # Ended before every probe was answered; what was answered counts, and ``reason`` says why.
        PARTIAL = "partial"

    public_id = models.CharField(max_length=16)
    improvement = models.ForeignKey(
        Improvement, on_delete=models.CASCADE, related_name="probe_runs", db_constraint=False
    )
    old_version = models.PositiveIntegerField()
    new_version = models.PositiveIntegerField()
    # The model at the endpoint when it was asked; another model is another run.
    model = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    reason = models.CharField(max_length=500, default="")
    calls = models.PositiveIntegerField()
    tokens = models.PositiveBigIntegerField(default=0)
    # Times in a row that the model was down.
    stalls = models.PositiveSmallIntegerField(default=0)
    summary = models.JSONField(null=True)
    asked_by = models.CharField(max_length=254)
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="a_probe_run_id_names_one"),
            models.UniqueConstraint(
                fields=["organization", "improvement"], condition=Q(state="running"),
                name="an_improvement_is_probed_once_at_a_time",
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["organization", "improvement", "-id"], name="probe_runs_newest")]

    def __str__(self) -> str:
        return self.public_id


class ProbeAnswer(TenantModel):
    """One probe under one version: waiting until ``outcome`` is set. Rows are made with the run, so it can resume."""

    class Arm(models.TextChoices):
        OLD = "old"
        NEW = "new"

    run = models.ForeignKey(ProbeRun, on_delete=models.CASCADE, related_name="answers", db_constraint=False)
    number = models.PositiveIntegerField()
    probe = models.CharField(max_length=100)
    arm = models.CharField(max_length=3, choices=Arm)
    group = models.CharField(max_length=10)
    source = models.CharField(max_length=10)
    kind = models.CharField(max_length=40)
    text = models.TextField()
    sign = models.CharField(max_length=40, default="")
    # blocked, succeeded, unclear, unscored; empty while it waits.
    outcome = models.CharField(max_length=10, default="")
    # Masked and shortened.
    reply = models.CharField(max_length=400, default="")
    tokens = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "run", "probe", "arm"], name="a_probe_is_answered_once_a_version"
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "run", "number"], condition=Q(outcome=""), name="probes_that_wait"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.probe} {self.arm}"


class ProbeCase(TenantModel):
    """An attack that succeeded on the application once. Every later suite has it: what was broken stays tested.

    The text is kept as it was stored, redacted; ``session_id`` and ``user_hash`` find it when a person is erased.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    text_hash = models.CharField(max_length=64)
    kind = models.CharField(max_length=40)
    text = models.TextField()
    session_id = models.TextField()
    user_hash = models.CharField(max_length=32, default="")
    added_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application", "text_hash"], name="a_failure_is_one_regression_case"
            ),
        ]
        indexes = [models.Index(fields=["organization", "application", "user_hash"], name="cases_of_a_user")]

    def __str__(self) -> str:
        return self.text_hash[:12]
