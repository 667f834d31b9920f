from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [
        ("evaluations", "0011_pinned_conversations"),
        ("organizations", "0002_keep_organizations_apart"),
    ]

    operations = [
        protect("evaluations_pinnedconversation"),
        tie("evaluations_pinnedconversation", "application_id", "organizations_application"),
    ]
