from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Facts are many: their indexes are built beside the work.
    atomic = False

    dependencies = [("evaluations", "0013_facts_are_listed_by_what_was_found")]

    operations = [
        AddIndexConcurrently(
            "conversationfact",
            models.Index(
                fields=["organization", "-started_at", "-conversation_id"],
                condition=models.Q(attacks__gt=0),
                name="facts_with_attacks",
            ),
        ),
        AddIndexConcurrently(
            "conversationfact",
            models.Index(
                fields=["organization", "-risk_score", "-conversation_id"],
                condition=models.Q(risk_score__gt=0),
                name="facts_by_risk",
            ),
        ),
        AddIndexConcurrently(
            "conversationfact",
            models.Index(
                fields=["organization", "-started_at", "-conversation_id"],
                condition=models.Q(attacks_succeeded__gt=0)
                | models.Q(findings__overlap=["credential_exposure", "pii_exposure", "system_prompt_leak"]),
                name="facts_with_leaks",
            ),
        ),
    ]
