from django.db import migrations

from apps.platform.rowsecurity import freeze, protect, tie


class Migration(migrations.Migration):
    dependencies = [("library", "0003_guardrails")]

    operations = [
        protect("library_guardrail"),
        freeze("library_guardrail"),
        protect("library_guardrailactivation"),
        tie("library_guardrailactivation", "guardrail_id", "library_guardrail"),
        tie("library_guardrailactivation", "application_id", "organizations_application"),
        protect("library_backtest"),
        tie("library_backtest", "guardrail_id", "library_guardrail"),
        tie("library_backtest", "application_id", "organizations_application"),
    ]
