"""What was captured: batches as they were accepted, then conversations and their messages."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from encrypted_fields.fields import EncryptedTextField

from apps.organizations.models import Application
from apps.platform.tenancy import TenantModel


class Batch(TenantModel):
    """One accepted push. ``payload`` is redacted NDJSON under zstd: it is durable before the client hears 202.

    ``rejected`` are the lines that still are; ``redriven`` those that a later try took, in batches of their own that
    name this one under ``redrive_of``.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        STORED = "stored"
        ANALYZED = "analyzed"
        FAILED = "failed"

    public_id = models.CharField(max_length=16)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    idempotency_key = models.CharField(max_length=255, default="")
    body_digest = models.BinaryField(max_length=32)
    format = models.CharField(max_length=32)
    source = models.CharField(max_length=200, default="api")
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    payload = models.BinaryField()
    accepted = models.PositiveIntegerField()
    rejected = models.PositiveIntegerField(default=0)
    redriven = models.PositiveIntegerField(default=0, db_default=0)
    redrive_of = models.CharField(max_length=16, default="", db_default="")
    warnings = models.JSONField(default=list)
    conversations = models.PositiveIntegerField(default=0)
    messages = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField()
    stored_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="a_batch_id_names_one_batch"),
            models.UniqueConstraint(
                fields=["organization", "application", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="an_idempotency_key_makes_one_batch",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-received_at", "-id"], name="batches_of_organization"),
            models.Index(fields=["organization", "redrive_of"], condition=~Q(redrive_of=""), name="batches_redriven"),
        ]

    def __str__(self) -> str:
        return self.public_id


class RejectedLine(TenantModel):
    """A line that was not accepted, and why. ``excerpt`` is its redacted beginning."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    line = models.PositiveIntegerField()
    code = models.CharField(max_length=40)
    detail = models.CharField(max_length=500)
    excerpt = models.CharField(max_length=200, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "batch", "line"], name="a_line_is_rejected_once"),
        ]

    def __str__(self) -> str:
        return f"line {self.line}: {self.code}"


class SealedLines(TenantModel):
    """The originals of a batch's rejected lines, encrypted, until ``keep_until``. Only a re-drive opens them."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    sealed = EncryptedTextField()
    keep_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "batch"], name="a_batch_seals_its_lines_once"),
        ]
        indexes = [models.Index(fields=["organization", "keep_until"], name="sealed_lines_by_end")]

    def __str__(self) -> str:
        return f"lines of batch {self.batch_id} until {self.keep_until}"


class CaptureSource(TenantModel):
    """Files that are read as they grow: a pattern below the organization's folder. One no longer ``watched`` is kept,
    so that watching it again goes on where it stood. ``looks`` counts finished looks; ``error`` is the last one's.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    glob = models.CharField(max_length=500)
    format = models.CharField(max_length=32, default="auto")
    watched = models.BooleanField(default=True)
    looks = models.PositiveBigIntegerField(default=0)
    looked_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "application", "glob"], name="a_pattern_is_one_source"),
        ]

    def __str__(self) -> str:
        return self.glob


class CaptureFile(TenantModel):
    """How far one file of a source has been read, see ``growing.Place``, and how it looked then."""

    source = models.ForeignKey(CaptureSource, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    path = models.CharField(max_length=1000)
    inode = models.CharField(max_length=20)
    size = models.BigIntegerField()
    changed_ns = models.BigIntegerField()
    offset = models.BigIntegerField(default=0)
    newlines = models.BigIntegerField(default=0)
    mark = models.CharField(max_length=32, default="")
    accepted = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    read_at = models.DateTimeField()
    error = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "source", "path"], name="a_file_is_read_once"),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def waiting(self) -> int:
        """How many bytes at its end are not read."""
        return self.size - self.offset


class Conversation(TenantModel):
    """One session of one application. ``content_version`` rises with every new message."""

    # Every index begins with the organization: another one of its own, or of the application's, only costs.
    organization = models.ForeignKey(
        "organizations.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    session_id = models.TextField()
    captured_on = models.DateField()
    started_at = models.DateTimeField()
    last_at = models.DateTimeField()
    content_version = models.PositiveIntegerField(default=0)
    assessed_version = models.PositiveIntegerField(default=0)
    touched_by = models.BigIntegerField(null=True)  # the batch that last brought something new
    user_hash = models.CharField(max_length=32, default="")
    agent = models.CharField(max_length=200, default="")
    channel = models.CharField(max_length=100, default="")
    variant = models.CharField(max_length=100, default="")
    prompt_version = models.CharField(max_length=100, default="")
    # Every assignment that its logs echo: one for each prompt that took part.
    assignments = ArrayField(models.CharField(max_length=100), default=list)
    model = models.CharField(max_length=100, default="")
    environment = models.CharField(max_length=50, default="")
    tags = ArrayField(models.TextField(), default=list)
    metadata = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application", "session_id"], name="a_session_is_one_conversation"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "application", "-started_at", "-id"], name="conversations_by_time"),
            models.Index(fields=["organization", "captured_on", "id"], name="conversations_by_capture"),
            models.Index(
                fields=["organization", "application", "id"],
                condition=Q(assessed_version__lt=F("content_version")),
                name="conversations_unassessed",
            ),
            models.Index(fields=["organization", "touched_by"], name="conversations_by_batch"),
        ]

    def __str__(self) -> str:
        return self.session_id


class HistoryEnd(TenantModel):
    """Where a conversation stood after one of its pairs, by a keyed digest of its turns: see ``histories.End``."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    history = models.BinaryField(max_length=16)
    session_id = models.CharField(max_length=500)
    continued_by = models.CharField(max_length=32, default="")
    told_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application", "history", "session_id"], name="a_session_ends_there_once"
            ),
        ]
        indexes = [models.Index(fields=["organization", "application", "told_at"], name="history_ends_by_time")]

    def __str__(self) -> str:
        return f"an end of {self.session_id}"


class Message(models.Model):
    """One turn, partitioned by the day its conversation was first captured. Read by selectors only."""

    pk = models.CompositePrimaryKey("organization", "captured_on", "conversation", "digest")
    organization = models.ForeignKey("organizations.Organization", on_delete=models.DO_NOTHING, related_name="+")
    captured_on = models.DateField()
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    digest = models.BinaryField(max_length=16)
    role = models.CharField(max_length=9)
    content = models.TextField()
    sent_at = models.DateTimeField()
    position = models.IntegerField()
    metadata = models.JSONField(default=dict)

    class Meta:
        managed = False
        db_table = "ingestion_message"

    def __str__(self) -> str:
        return f"{self.role} at {self.sent_at}"


class Erasure(TenantModel):
    """That a person was erased: by the keyed hash, which names nobody, so that it can be done again."""

    class Status(models.TextChoices):
        ASKED = "asked"
        DONE = "done"

    unit_hash = models.CharField(max_length=32)
    status = models.CharField(max_length=8, choices=Status, default=Status.ASKED)
    asked_by = models.CharField(max_length=254)
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # How much of each kind is gone.
    counts = models.JSONField(default=dict)
    # While it is under way: the sessions found, and how far batches were gone through. Empty before and afterwards.
    progress = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "unit_hash"], name="a_person_is_erased_once_at_a_time"),
        ]

    def __str__(self) -> str:
        return self.unit_hash


class Outcome(TenantModel):
    """A truth that arrived later: a conversion, a survey answer, a customer who stayed. Idempotent by its id."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    external_id = models.CharField(max_length=200)
    session_id = models.TextField(default="")
    unit_hash = models.CharField(max_length=32, default="")
    metric = models.CharField(max_length=100)
    value = models.JSONField(null=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    occurred_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application", "external_id"], name="an_outcome_is_told_once"
            ),
        ]
        indexes = [models.Index(fields=["organization", "application", "session_id"], name="outcomes_of_session")]

    def __str__(self) -> str:
        return f"{self.metric} of {self.session_id or self.unit_hash}"
