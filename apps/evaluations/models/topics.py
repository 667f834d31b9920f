"""What conversations are about: the topics of each application, what tells them, and their counts by day."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.organizations.models import Application
from apps.platform.tenancy import TenantModel


class Topic(TenantModel):
    """A topic of an application. It keeps its key from fit to fit while it is about the same conversations.

    ``words`` name it: each was written by at least five users of the topic, so none is anybody's own.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    key = models.CharField(max_length=16)
    words = ArrayField(models.CharField(max_length=60))
    # Of the conversations of the last fit it was learned from, and the people in them.
    conversations = models.PositiveIntegerField()
    users = models.PositiveIntegerField()
    first_found_at = models.DateTimeField()
    last_found_at = models.DateTimeField()
    # When a fit no longer found it: older conversations keep it, new ones are never given it.
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "key"], name="a_topic_key_names_one_topic"),
            models.CheckConstraint(condition=~models.Q(words=[]), name="a_topic_has_a_name"),
        ]
        indexes = [models.Index(fields=["organization", "application"], name="topics_of_application")]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """Its words as people read them."""
        return " · ".join(self.words)


class TopicModel(TenantModel):
    """The last fit of an application's topics: what gives a conversation its topic, and how far all are given.

    Without ``model`` it says that too little was said yet, and how much there was.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    fitted_at = models.DateTimeField()
    # Analyzed conversations of the four weeks before, and how many of them the topics were learned from.
    conversations = models.PositiveIntegerField()
    learned_from = models.PositiveIntegerField()
    # Keys of the topics in the order of the model's centres.
    topics = ArrayField(models.CharField(max_length=16), default=list)
    model = models.BinaryField(null=True)
    # Until when, going back, the four weeks' conversations were given their topic anew; None when all were.
    given_back_to = models.DateTimeField(null=True)
    given_back_id = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "application"], name="an_application_has_one_topic_model"),
        ]

    def __str__(self) -> str:
        return f"{len(self.topics)} topics"


class TopicDay(TenantModel):
    """A day's counts of one topic, recomputed from facts; '' is what was looked at and is of no topic.

    Scores are summed in thousandths.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    day = models.DateField()
    topic = models.CharField(max_length=16, default="")
    conversations = models.PositiveIntegerField()
    escalated = models.PositiveIntegerField()
    scored = models.PositiveIntegerField()
    score = models.BigIntegerField()
    score_squares = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "application", "day", "topic"], name="a_topic_is_counted_once_a_day"
            ),
        ]
        indexes = [models.Index(fields=["organization", "day"], name="topic_days_by_day")]

    def __str__(self) -> str:
        return f"{self.topic} on {self.day}"
