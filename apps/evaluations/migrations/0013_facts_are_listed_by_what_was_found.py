from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Facts are many: their indexes are built beside the work.
    atomic = False

    dependencies = [("evaluations", "0012_keep_pinned_apart")]

    operations = [
        AddIndexConcurrently(
            "conversationfact",
            models.Index(
                fields=["organization", "-started_at", "-conversation_id"],
                condition=models.Q(("findings", []), _negated=True),
                name="facts_with_findings",
            ),
        ),
        AddIndexConcurrently(
            "conversationfact",
            models.Index(
                fields=["organization", "agent", "-started_at", "-conversation_id"], name="facts_newest_of_agent"
            ),
        ),
        AddIndexConcurrently(
            "conversationfact",
            models.Index(
                fields=["organization", "quality_score", "conversation_id"],
                condition=models.Q(quality_score__isnull=False),
                name="facts_by_score",
            ),
        ),
        RemoveIndexConcurrently("conversationfact", "facts_by_risk"),
        RemoveIndexConcurrently("conversationfact", "facts_by_quality"),
    ]
