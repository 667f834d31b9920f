"""What people say of the detector's verdicts, and what its counts are worth by that."""

from __future__ import annotations

from django.db import models

from apps.ingestion.models import Conversation
from apps.organizations.models import Application
from apps.platform.tenancy import TenantModel


class VerdictLabel(TenantModel):
    """What one person says of one finding, or (``finding`` empty) of the conversation as a whole.

    ``finding`` is the type and the message's digest. What the detector said when it was judged is kept beside it.
    """

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    finding = models.CharField(max_length=120, default="", blank=True)
    person = models.CharField(max_length=254)
    is_attack = models.BooleanField()
    outcome = models.CharField(max_length=10, default="", blank=True)
    detected = models.BooleanField()
    detected_outcome = models.CharField(max_length=10, default="", blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "conversation", "finding", "person"],
                name="a_person_judges_a_finding_once",
            ),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["", "blocked", "succeeded", "unclear"]),
                name="a_judged_outcome_is_one_of_the_three",
            ),
            models.CheckConstraint(
                condition=models.Q(is_attack=True) | models.Q(outcome=""), name="only_an_attack_has_an_outcome"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {'attack' if self.is_attack else 'no attack'}"


class Calibration(TenantModel):
    """What the detector's counts are worth on an application's traffic, from a sample drawn at random.

    ``flagged`` and ``unflagged`` count the conversations of the period it was drawn from; the judgements are counted
    anew whenever one is made. The newest of an application holds.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    since = models.DateTimeField()
    until = models.DateTimeField()
    analyzer_version = models.CharField(max_length=20)
    flagged = models.PositiveIntegerField()
    unflagged = models.PositiveIntegerField()
    flagged_judged = models.PositiveIntegerField(default=0)
    flagged_attacks = models.PositiveIntegerField(default=0)
    unflagged_judged = models.PositiveIntegerField(default=0)
    unflagged_attacks = models.PositiveIntegerField(default=0)
    drawn_by = models.CharField(max_length=254)
    drawn_at = models.DateTimeField()
    counted_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["organization", "application", "-id"], name="calibrations_newest")]

    def __str__(self) -> str:
        return f"{self.flagged_judged + self.unflagged_judged} judged"


class AuditItem(TenantModel):
    """One conversation of a sample, and whether the detector had flagged it when it was drawn."""

    calibration = models.ForeignKey(Calibration, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    flagged = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "calibration", "conversation"], name="a_sample_draws_a_conversation_once"
            ),
        ]
        indexes = [models.Index(fields=["organization", "conversation"], name="samples_of_a_conversation")]

    def __str__(self) -> str:
        return "flagged" if self.flagged else "not flagged"
