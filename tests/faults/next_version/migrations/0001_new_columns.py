from django.db import migrations

_HOT = ("ingestion_batch", "ingestion_conversation", "ingestion_message", "platform_workitem")


class Migration(migrations.Migration):
    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} ADD COLUMN next_version integer NOT NULL DEFAULT 7",
            f"ALTER TABLE {table} DROP COLUMN next_version",
        )
        for table in _HOT
    ]
