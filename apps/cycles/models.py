"""The wheel's configuration, when it turns, and what each turn did."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.organizations.models import Application, Organization
from apps.platform.tenancy import TenantModel


class CycleConfig(TenantModel):
    """A version of an application's flywheel-config.yaml, as written. Never changed; the newest holds."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    version = models.PositiveIntegerField()
    text = models.TextField()
    saved_by = models.CharField(max_length=254)
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application", "version"], name="a_configuration_version_is_written_once"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class Schedule(models.Model):
    """When an application's wheel turns next: times and ids, never content.

    Not under row security: the tick looks over every organization. It enters one before it touches anything else.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    cron = models.CharField(max_length=100)
    zone = models.CharField(max_length=64)
    next_run_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "application"], name="an_application_has_one_schedule"),
        ]
        indexes = [models.Index(fields=["next_run_at"], name="schedules_due")]

    def __str__(self) -> str:
        return f"{self.cron} {self.zone}"


class Cycle(TenantModel):
    """One turn of the wheel over one period of one application: [since, until). One a slot, whoever starts it."""

    class Status(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    public_id = models.CharField(max_length=16)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    slot = models.DateTimeField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    # 0: the defaults, because nobody has saved a configuration.
    config_version = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    started_by = models.CharField(max_length=254)
    # The organization's time; the stages' own durations are wall time.
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="a_cycle_id_names_one_cycle"),
            models.UniqueConstraint(fields=["organization", "application", "slot"], name="a_slot_has_one_cycle"),
            models.CheckConstraint(condition=Q(since__lt=models.F("until")), name="a_cycle_looks_at_a_period"),
        ]
        indexes = [
            models.Index(fields=["organization", "application", "-slot"], name="cycles_newest"),
        ]

    def __str__(self) -> str:
        return self.public_id


class StageRun(TenantModel):
    """What one stage of a cycle did. Written with the stage's own effects, in one transaction."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    cycle = models.ForeignKey(Cycle, on_delete=models.CASCADE, related_name="stages", db_constraint=False)
    stage = models.CharField(max_length=16)
    status = models.CharField(max_length=10, choices=Status)
    attempts = models.PositiveSmallIntegerField(default=0)
    did = models.TextField(default="")
    waits_for = models.TextField(default="")
    figures = models.JSONField(default=dict)
    unexpected = models.JSONField(default=list)
    # What the stage asked others to do, and finds again when it comes back.
    notes = models.JSONField(default=dict)
    # Wall times.
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "cycle", "stage"], name="a_stage_runs_once_a_cycle"),
        ]

    def __str__(self) -> str:
        return f"{self.stage} {self.status}"

    @property
    def seconds(self) -> float | None:
        """How long the stage took, waiting included; None before its end."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None
