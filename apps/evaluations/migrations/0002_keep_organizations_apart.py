from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [("evaluations", "0001_initial"), ("ingestion", "0002_keep_organizations_apart")]

    operations = [
        protect("evaluations_assessment"),
        tie("evaluations_assessment", "conversation_id", "ingestion_conversation"),
        protect("evaluations_conversationfact"),
        tie("evaluations_conversationfact", "application_id", "organizations_application"),
        protect("evaluations_dailyrollup"),
        tie("evaluations_dailyrollup", "application_id", "organizations_application"),
    ]
