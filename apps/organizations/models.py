"""Tenants, the people in them, their applications and keys, and the record of who did what."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from encrypted_fields.fields import EncryptedTextField

from apps.platform.tenancy import TenantModel


class Organization(models.Model):
    """A tenant. A sandbox has a clock of its own that its administrator moves forward; the flag never changes."""

    class Redaction(models.TextChoices):
        OFF = "off"
        MASK = "mask"
        DROP = "drop"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    sandbox = models.BooleanField(default=False)
    clock_at = models.DateTimeField(null=True, blank=True)
    zone = models.CharField(max_length=64, default="UTC")
    currency = models.CharField(max_length=3, default="USD")
    redaction = models.CharField(max_length=8, choices=Redaction, default=Redaction.MASK)
    retention_days = models.PositiveSmallIntegerField(default=30)
    # What reaches everybody at once (a guardrail, a security change) then needs a second person's word.
    two_people = models.BooleanField(default=False, db_default=False)
    # Its people sign in with a second factor, or see nothing of it.
    require_mfa = models.BooleanField(default=False, db_default=False)
    # Who reads which conversation is written into the audit trail.
    audit_reads = models.BooleanField(default=False, db_default=False)
    # Its quota, an operator's to set: all its keys together may do so many times what one of them may.
    rate_share = models.PositiveSmallIntegerField(default=5, db_default=5)
    secret = EncryptedTextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(rate_share__gte=1), name="a_quota_lets_something_pass"),
            models.CheckConstraint(condition=Q(sandbox=True) | Q(clock_at=None), name="only_a_sandbox_moves_its_clock"),
            models.CheckConstraint(condition=Q(retention_days__gte=1), name="retention_is_at_least_a_day"),
            models.CheckConstraint(condition=Q(redaction__in=["off", "mask", "drop"]), name="redaction_is_a_policy"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person in an organization, with a role (what they may do) and a team (what they look at first)."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        ANALYST = "analyst"
        VIEWER = "viewer"
        EXECUTIVE = "executive"
        # Figures, and nothing that anybody said.
        AGGREGATES = "aggregates", "aggregates only"

    class Team(models.TextChoices):
        SECURITY = "security"
        PRODUCT = "product"
        ENGINEERING = "engineering"
        BUSINESS = "business"

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=Role)
    team = models.CharField(max_length=16, choices=Team, default=Team.PRODUCT)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="a_person_is_in_an_organization_once"),
        ]
        indexes = [models.Index(fields=["user", "id"], name="memberships_of_person")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Invitation(models.Model):
    """An invitation to an organization, sent by e-mail. Only the hash of its token is kept; it opens once."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField()
    role = models.CharField(max_length=16, choices=Membership.Role)
    team = models.CharField(max_length=16, choices=Membership.Team, default=Membership.Team.PRODUCT)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(revoked_at=None), name="an_accepted_invitation_is_not_revoked"
            ),
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="invitations_newest")]

    def __str__(self) -> str:
        return f"{self.email} ({self.role})"


class Application(TenantModel):
    """One LLM system under observation. ``profile`` is what its owner told us (see ApplicationProfile).

    ``retention_days``: how long its texts are kept, where that is not what its organization says.
    """

    slug = models.SlugField(max_length=100)
    name = models.CharField(max_length=200)
    environment = models.CharField(max_length=16, default="production")
    profile = models.JSONField(default=dict, blank=True)
    retention_days = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "slug"], name="an_application_slug_is_used_once"),
            models.CheckConstraint(condition=Q(retention_days__gte=1), name="texts_are_kept_at_least_a_day"),
        ]

    def __str__(self) -> str:
        return self.name


class SavedView(TenantModel):
    """The filters of a list, kept under a name by a member: for themselves, or ``shared`` with the organization.

    It goes when its member goes; the database sees to that (see its migration).
    """

    public_id = models.CharField(max_length=16)
    member = models.ForeignKey(Membership, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    # The name of the list's address.
    page = models.CharField(max_length=40)
    name = models.CharField(max_length=60)
    # What stands behind "?" in the list's address.
    query = models.CharField(max_length=2000)
    shared = models.BooleanField(default=False)
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="a_view_id_names_one"),
            models.UniqueConstraint(
                fields=["organization", "page", "member", "name"], name="a_member_uses_a_view_name_once_a_page"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="a_view_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelEndpoint(TenantModel):
    """An OpenAI-compatible language model, of one application or (without one) of all, for one purpose.

    Budgets are tokens, since that is what every such server counts. The circuit breaker is here, for all workers.
    """

    class Purpose(models.TextChoices):
        PROBES = "probes"
        DRAFTS = "drafts"

    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, null=True, related_name="+", db_constraint=False
    )
    purpose = models.CharField(max_length=10, choices=Purpose)
    base_url = models.CharField(max_length=500)
    model = models.CharField(max_length=200)
    api_key = EncryptedTextField(null=True, blank=True)  # None: it needs no key
    tokens_per_run = models.PositiveBigIntegerField()
    tokens_per_day = models.PositiveBigIntegerField()
    # Calls in a row that found the model down, and until when nobody asks it again (wall time).
    failures = models.PositiveSmallIntegerField(default=0)
    broken_until = models.DateTimeField(null=True, blank=True)
    saved_by = models.CharField(max_length=254)
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application", "purpose"], nulls_distinct=False,
                name="a_purpose_has_one_model",
            ),
            models.CheckConstraint(
                condition=Q(tokens_per_run__gte=1) & Q(tokens_per_day__gte=1), name="a_budget_is_at_least_a_token"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.model} for {self.purpose}"


class ModelSpending(TenantModel):
    """What a day of asking a model has cost, what is under way at its worst case included."""

    endpoint = models.ForeignKey(ModelEndpoint, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    day = models.DateField()
    tokens = models.PositiveBigIntegerField(default=0)
    calls = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "endpoint", "day"], name="a_day_is_paid_for_once"),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.tokens}"


class ApiKey(models.Model):
    """A key of 256 random bits: only its prefix and SHA-256 are kept (a slow hash would protect nothing here)."""

    class Scope(models.TextChoices):
        INGEST = "ingest"
        READ = "read"
        PROMPTS = "prompts"
        EXPERIMENTS = "experiments"
        GUARDRAILS = "guardrails"
        REPORTS = "reports"
        ADMIN = "admin"

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    prefix = models.CharField(max_length=8, unique=True)
    sha256 = models.CharField(max_length=64)
    name = models.CharField(max_length=100, default="")
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope))
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"fw_live_{self.prefix}_…"


class AuditEvent(models.Model):
    """Who did what to what, append-only. ``actor`` is a person's e-mail or a key's prefix."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    actor = models.CharField(max_length=254)
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=200)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["organization", "-at", "-id"], name="audit_of_organization")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"


class OrganizationErasure(models.Model):
    """That an organization was erased, by whom and how much went: the platform's own record, which names no data.

    ``fingerprint`` stands for the organization (see ``organizations.selectors.fingerprint_of``): it knows it again in a
    restored backup, and no other that takes its address later. Wall times.
    """

    fingerprint = models.CharField(max_length=64, unique=True)
    asked_by = models.CharField(max_length=254)
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    # Rows that went, by table.
    counts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.fingerprint[:12]
