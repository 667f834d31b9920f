from django.db import migrations, models

_EVERY = {"db_index": False, "on_delete": models.CASCADE, "related_name": "+"}
_DROP = """
DROP INDEX evaluations_assessment_organization_id_4ef4a948;
DROP INDEX evaluations_assessment_conversation_id_978d0602;
DROP INDEX evaluations_conversationfact_organization_id_e9ad514d;
DROP INDEX evaluations_conversationfact_application_id_4b93e92d;
"""
_MAKE = """
CREATE INDEX evaluations_assessment_organization_id_4ef4a948 ON evaluations_assessment (organization_id);
CREATE INDEX evaluations_assessment_conversation_id_978d0602 ON evaluations_assessment (conversation_id);
CREATE INDEX evaluations_conversationfact_organization_id_e9ad514d ON evaluations_conversationfact (organization_id);
CREATE INDEX evaluations_conversationfact_application_id_4b93e92d ON evaluations_conversationfact (application_id);
"""


class Migration(migrations.Migration):
    dependencies = [("evaluations", "0007_keep_assignments_apart")]

    operations = [
        # In words of SQL: Django would make the foreign keys anew too, and read every row to check them.
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(_DROP, _MAKE)],
            state_operations=[
                migrations.AlterField(
                    "assessment", "organization", models.ForeignKey("organizations.organization", **_EVERY)
                ),
                migrations.AlterField(
                    "assessment",
                    "conversation",
                    models.ForeignKey("ingestion.conversation", db_constraint=False, **_EVERY),
                ),
                migrations.AlterField(
                    "conversationfact", "organization", models.ForeignKey("organizations.organization", **_EVERY)
                ),
                migrations.AlterField(
                    "conversationfact",
                    "application",
                    models.ForeignKey("organizations.application", db_constraint=False, **_EVERY),
                ),
            ],
        )
    ]
