from django.db import migrations, models

_EVERY = {"db_index": False, "on_delete": models.CASCADE, "related_name": "+"}
_DROP = """
DROP INDEX ingestion_conversation_organization_id_08d280e4;
DROP INDEX ingestion_conversation_application_id_28b6b793;
"""
_MAKE = """
CREATE INDEX ingestion_conversation_organization_id_08d280e4 ON ingestion_conversation (organization_id);
CREATE INDEX ingestion_conversation_application_id_28b6b793 ON ingestion_conversation (application_id);
"""


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0005_the_planner_knows_young_tables")]

    operations = [
        # In words of SQL: Django would make the foreign keys anew too, and read every row to check them.
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(_DROP, _MAKE)],
            state_operations=[
                migrations.AlterField(
                    "conversation", "organization", models.ForeignKey("organizations.organization", **_EVERY)
                ),
                migrations.AlterField(
                    "conversation",
                    "application",
                    models.ForeignKey("organizations.application", db_constraint=False, **_EVERY),
                ),
            ],
        )
    ]
