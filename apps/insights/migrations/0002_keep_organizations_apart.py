from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [
        ("insights", "0001_insights"),
        ("ingestion", "0002_keep_organizations_apart"),
        ("organizations", "0002_keep_organizations_apart"),
    ]

    operations = [
        protect("insights_insight"),
        tie("insights_insight", "application_id", "organizations_application"),
        protect("insights_sighting"),
        tie("insights_sighting", "insight_id", "insights_insight"),
        protect("insights_evidence"),
        tie("insights_evidence", "insight_id", "insights_insight"),
        tie("insights_evidence", "conversation_id", "ingestion_conversation"),
        protect("insights_comment"),
        tie("insights_comment", "insight_id", "insights_insight"),
    ]
