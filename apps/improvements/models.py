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
