from django.db import migrations

from apps.platform.rowsecurity import tie


class Migration(migrations.Migration):
    dependencies = [
        ("improvements", "0006_improvements_enforce_guardrails"),
        ("library", "0004_keep_guardrails_apart"),
    ]

    operations = [
        tie("improvements_improvement", "guardrail_id", "library_guardrail"),
        tie("improvements_improvement", "guardrail_before_id", "library_guardrail"),
    ]
