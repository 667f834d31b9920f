"""Conversations that a person keeps beyond retention."""

from __future__ import annotations

from django.db import models

from apps.organizations.models import Application
from apps.platform.tenancy import TenantModel


class PinnedConversation(TenantModel):
    """A copy of a conversation, as it was when it was pinned, masked once more: it stays when its text goes.

    No foreign key to the conversation, which retention takes. ``session_id`` and ``user_hash`` find it when its person
    is erased.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    conversation_id = models.BigIntegerField()
    session_id = models.TextField()
    user_hash = models.CharField(max_length=32, default="")
    agent = models.CharField(max_length=200, default="")
    prompt_version = models.CharField(max_length=100, default="")
    started_at = models.DateTimeField()
    last_at = models.DateTimeField()
    # [{"role", "content", "sent_at"}], at most services.pinning.MOST_MESSAGES; ``left_out`` counts the others.
    messages = models.JSONField()
    left_out = models.PositiveIntegerField(default=0)
    # [{"type", "severity", "outcome", "message_index"}] of the security analysis, as it stood then.
    findings = models.JSONField(default=list)
    quality_score = models.FloatField(null=True)
    reason = models.CharField(max_length=500)
    pinned_by = models.CharField(max_length=254)
    pinned_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "conversation_id"], name="a_conversation_is_pinned_once"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="a_pin_says_why"),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="pinned_newest"),
            models.Index(fields=["organization", "user_hash"], name="pinned_of_a_user"),
        ]

    def __str__(self) -> str:
        return self.session_id
