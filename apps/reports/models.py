"""The ledger of what the loop returns: assumptions, lines, claims; what they come to now; reports that froze it."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from apps.improvements.models import Improvement
from apps.organizations.models import Application, Membership, Organization
from apps.platform.tenancy import TenantModel
from apps.reports.domain.roi.model import CostKind, Grade, Source


class Assumption(TenantModel):
    """What somebody said of one number, or that it was approved or withdrawn. Rows never change: see ``State``."""

    class State(models.TextChoices):
        PROPOSED = "proposed"
        APPROVED = "approved"
        WITHDRAWN = "withdrawn"

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    key = models.CharField(max_length=60)
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    low = models.DecimalField(max_digits=20, decimal_places=6)
    mode = models.DecimalField(max_digits=20, decimal_places=6)
    high = models.DecimalField(max_digits=20, decimal_places=6)
    unit = models.CharField(max_length=60)
    owner = models.CharField(max_length=254)
    source = models.CharField(max_length=10, choices=[(each.value, each.value) for each in Source])
    valid_from = models.DateField()
    approved_by = models.CharField(max_length=254, default="")
    note = models.CharField(max_length=500, default="")
    said_by = models.CharField(max_length=254)
    said_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application", "key", "version"],
                name="an_assumption_version_is_written_once",
            ),
            models.CheckConstraint(
                condition=Q(low__lte=F("mode")) & Q(mode__lte=F("high")), name="an_assumption_lies_within_its_bounds"
            ),
            models.CheckConstraint(
                condition=Q(state="approved", approved_by__gt="") | (~Q(state="approved") & Q(approved_by="")),
                name="an_approved_assumption_says_by_whom",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} version {self.version}"


class Line(TenantModel):
    """What a decided change did in one month: an effect, over a volume. Money is computed from it, not stored in it.

    Written anew from experiments, rollups and assumptions as often as anybody likes: its natural key is one row's.
    """

    class SourceKind(models.TextChoices):
        EXPERIMENT = "experiment"
        ROLLOUT = "rollout"
        BEFORE_AFTER = "before_after"
        ASSUMPTION = "assumption"

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    improvement = models.ForeignKey(
        Improvement, on_delete=models.CASCADE, null=True, related_name="+", db_constraint=False
    )
    source_kind = models.CharField(max_length=12, choices=SourceKind)
    # An experiment's, rollout's or improvement's public id; an assumption's key.
    source_id = models.CharField(max_length=60)
    metric = models.CharField(max_length=60, default="")
    # A calendar month, such as 2026-11, in UTC.
    period = models.CharField(max_length=7)
    name = models.CharField(max_length=200)
    # How the source ended: promoted, no_winner, rolled_back … Nothing is left out for how it ended.
    state = models.CharField(max_length=20)
    grade = models.CharField(max_length=1, choices=[(each.value, each.value) for each in Grade], default="")
    effect = models.DecimalField(max_digits=24, decimal_places=10, null=True)
    low = models.DecimalField(max_digits=24, decimal_places=10, null=True)
    high = models.DecimalField(max_digits=24, decimal_places=10, null=True)
    falls_are_gains = models.BooleanField(default=False)
    # Measured on the data that decided it: drawn shrunk.
    selected = models.BooleanField(default=False)
    n = models.PositiveIntegerField(default=0)
    volume = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    # The share of the application's traffic it touches.
    reach = models.DecimalField(max_digits=6, decimal_places=4, default=1)
    # Whether it goes on after this month.
    ongoing = models.BooleanField(default=False)
    # Some of the conversations it was measured on: ids of rows that may be erased since.
    evidence = ArrayField(models.BigIntegerField(), default=list)
    # Why it is in no total, where the data does not let it be.
    not_counted = models.CharField(max_length=300, default="")
    decided_at = models.DateTimeField()
    written_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application", "source_kind", "source_id", "metric", "period"],
                name="a_%(class)s_is_written_once_a_source_metric_and_month",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.metric} {self.period}"


class BenefitLine(Line):
    """A benefit, whatever its sign: good, bad and undecided ones stand side by side."""

    # The conversations it may claim: the prompt it changed, or the arm of the experiment it was tried on.
    scope = models.CharField(max_length=120)
    # The part of them it holds by its claims.
    share = models.DecimalField(max_digits=6, decimal_places=4, default=1)


class CostLine(Line):
    """A cost: hours, licences, dearer replies, and what changes made worse."""

    kind = models.CharField(max_length=12, choices=[(each.value, each.value) for each in CostKind])


class Claim(TenantModel):
    """That a part of a prompt's conversations is one line's, for a metric and a month: nothing is counted twice.

    ``scope_hash`` names the part. Two lines over the same conversations hold different parts of them.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    metric = models.CharField(max_length=60)
    period = models.CharField(max_length=7)
    scope_hash = models.CharField(max_length=32)
    line = models.ForeignKey(BenefitLine, on_delete=models.CASCADE, related_name="claims", db_constraint=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application", "metric", "period", "scope_hash"],
                name="a_conversations_metric_is_claimed_by_one_improvement",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.period}"


class Valuation(TenantModel):
    """What the ledger comes to now, as a worker last simulated it: of one application, or of all (None)."""

    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, null=True, related_name="+", db_constraint=False
    )
    content = models.JSONField()
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application"], nulls_distinct=False, name="an_application_has_one_valuation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.computed_at}"


class Report(TenantModel):
    """A report: asked for, then frozen with its inputs, the code's version and a hash. The database keeps it so."""

    class Kind(models.TextChoices):
        MONTHLY = "monthly"
        QUARTERLY = "quarterly"
        ON_DEMAND = "on_demand"

    class Status(models.TextChoices):
        WAITING = "waiting"
        READY = "ready"
        FAILED = "failed"

    public_id = models.CharField(max_length=16)
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, null=True, related_name="+", db_constraint=False
    )
    kind = models.CharField(max_length=10, choices=Kind)
    # 2026-11, 2026-Q4, or two dates.
    period = models.CharField(max_length=24)
    version = models.PositiveSmallIntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    content = models.JSONField(null=True)
    sha256 = models.CharField(max_length=64, default="")
    # Its pages, printed once by the worker that froze it.
    pdf = models.BinaryField(null=True)
    asked_by = models.CharField(max_length=254)
    asked_at = models.DateTimeField()
    frozen_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="a_report_id_names_one"),
            models.UniqueConstraint(
                fields=["organization", "application", "kind", "period", "version"],
                nulls_distinct=False,
                name="a_report_version_is_written_once",
            ),
            models.CheckConstraint(condition=Q(since__lt=F("until")), name="a_report_is_about_a_period"),
            models.CheckConstraint(
                condition=Q(status="ready", content__isnull=False, sha256__gt="", pdf__isnull=False)
                | (~Q(status="ready") & Q(content__isnull=True, sha256="")),
                name="a_ready_report_has_content_and_hash",
            ),
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="reports_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.period}"


class Delivery(TenantModel):
    """That a report was mailed to a person, so that it is mailed once."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    email = models.CharField(max_length=254)
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "report", "email"], name="a_report_is_mailed_once"),
        ]

    def __str__(self) -> str:
        return self.email


class ReportSchedule(models.Model):
    """When an organization's next report of a kind is due: times and ids, never content.

    Not under row security: the tick looks over every organization. It enters one before it touches anything else.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Report.Kind)
    next_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "kind"], name="an_organization_has_one_schedule_a_kind"),
        ]
        indexes = [models.Index(fields=["next_at"], name="report_schedules_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.next_at}"


class FinancePermission(models.Model):
    """That a member may change and approve assumptions. Owners and administrators may without.

    Not under row security, as memberships: asked before anything of the organization is read.
    """

    membership = models.OneToOneField(Membership, on_delete=models.CASCADE, related_name="finance")
    granted_by = models.CharField(max_length=254)
    granted_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.membership)
