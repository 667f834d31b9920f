from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [("library", "0010_response_templates")]

    operations = [
        protect("library_responsetemplate"),
        tie("library_responsetemplate", "application_id", "organizations_application"),
        tie("library_responsetemplate", "conversation_id", "ingestion_conversation"),
    ]
