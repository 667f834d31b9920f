"""Replies that went well, kept for others to say again."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.ingestion.models import Conversation
from apps.organizations.models import Application
from apps.platform.tenancy import TenantModel


class ResponseTemplate(TenantModel):
    """A reply of a conversation that went well, masked: a candidate until a person approves it, then served.

    A candidate hangs on its conversation and goes with it. What a person approved stays when retention takes the
    conversation; ``session_id`` and ``user_hash`` then find it when its person is erased. One that was dismissed keeps
    the signature alone, so that its like is not proposed again.
    """

    class Status(models.TextChoices):
        CANDIDATE = "candidate"
        APPROVED = "approved"
        RETIRED = "retired"
        DISMISSED = "dismissed"

    public_id = models.CharField(max_length=16)
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, null=True, related_name="+", db_constraint=False, db_index=False
    )
    session_id = models.TextField(default="")
    user_hash = models.CharField(max_length=32, default="")
    status = models.CharField(max_length=10, choices=Status, default=Status.CANDIDATE)
    name = models.CharField(max_length=100, default="")
    text = models.TextField(default="")
    # What it answered, masked and cut, for whoever decides; gone with the decision.
    question = models.CharField(max_length=300, default="")
    tags = ArrayField(models.CharField(max_length=50), default=list)
    # As evaluations.domain.alike.sign, of the reply as it was proposed.
    signature = ArrayField(models.BigIntegerField(), default=list)
    score = models.FloatField()
    # How many conversations, of how many users, ended as well with nearly the same reply when it was proposed.
    conversations = models.PositiveIntegerField(default=1)
    users = models.PositiveIntegerField(default=1)
    prompt_version = models.CharField(max_length=100, default="")
    said_at = models.DateTimeField()
    proposed_at = models.DateTimeField()
    # Who approved or dismissed it last, and why.
    decided_by = models.CharField(max_length=254, default="")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, default="")
    retired_by = models.CharField(max_length=254, default="")
    retired_at = models.DateTimeField(null=True)
    retired_reason = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="a_template_id_names_one"),
            models.UniqueConstraint(
                fields=["organization", "application", "session_id"],
                condition=~Q(session_id=""),
                name="a_conversation_gives_one_template",
            ),
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=Q(status="approved"),
                name="a_name_is_served_as_one_template",
            ),
            models.CheckConstraint(
                condition=Q(status="candidate", conversation__isnull=False)
                | (~Q(status="candidate") & Q(conversation=None, question="")),
                name="a_candidate_goes_with_its_conversation",
            ),
            models.CheckConstraint(
                condition=Q(status="candidate") | (~Q(reason="") & ~Q(decided_by="") & Q(decided_at__isnull=False)),
                name="a_decision_about_a_template_says_who_and_why",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved") | (~Q(name="") & ~Q(text="")), name="a_served_template_says_something"
            ),
            models.CheckConstraint(
                condition=~Q(status="dismissed") | Q(text="", session_id="", user_hash=""),
                name="a_dismissed_template_holds_nobody",
            ),
            models.CheckConstraint(
                condition=Q(status="retired", retired_at__isnull=False) | (~Q(status="retired") & Q(retired_at=None)),
                name="a_retired_template_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "status", "-id"], name="templates_newest"),
            models.Index(fields=["organization", "application", "status", "-id"], name="templates_newest_of_one"),
            models.Index(
                fields=["organization", "conversation"],
                condition=Q(conversation__isnull=False),
                name="templates_of_conversation",
            ),
            models.Index(fields=["organization", "user_hash"], condition=~Q(user_hash=""), name="templates_of_user"),
        ]

    def __str__(self) -> str:
        return self.name or self.public_id
