from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("cycles", "0002_keep_organizations_apart"), ("platform", "0004_keep_organizations_apart")]

    operations = [
        # What was asked before the upgrade is performed under its new name.
        migrations.RunSQL(
            "UPDATE platform_workitem SET kind = 'cycles.erase' WHERE kind = 'evaluations.erase'",
            "UPDATE platform_workitem SET kind = 'evaluations.erase' WHERE kind = 'cycles.erase'",
        ),
    ]
