from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [("organizations", "0001_initial"), ("platform", "0001_initial")]

    operations = [
        protect("organizations_application"),
        tie("organizations_apikey", "application_id", "organizations_application"),
        protect("platform_idempotencyrecord"),
    ]
