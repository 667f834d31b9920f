from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Facts are many: their indexes are built beside the work.
    atomic = False

    dependencies = [("evaluations", "0016_keep_topics_apart")]

    operations = [
        AddIndexConcurrently(
            "conversationfact",
            models.Index(
                fields=["organization", "topic", "-started_at", "-conversation_id"],
                condition=models.Q(topic__isnull=False),
                name="facts_newest_of_topic",
            ),
        ),
        AddIndexConcurrently(
            "conversationfact",
            models.Index(
                fields=["organization", "application", "-started_at", "-conversation_id"],
                condition=models.Q(topic__isnull=True),
                name="facts_without_a_look_at_topic",
            ),
        ),
    ]
