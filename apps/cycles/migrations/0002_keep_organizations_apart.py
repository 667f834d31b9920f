from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [("cycles", "0001_the_wheel"), ("organizations", "0002_keep_organizations_apart")]

    operations = [
        protect("cycles_cycleconfig"),
        tie("cycles_cycleconfig", "application_id", "organizations_application"),
        tie("cycles_schedule", "application_id", "organizations_application"),
        protect("cycles_cycle"),
        tie("cycles_cycle", "application_id", "organizations_application"),
        protect("cycles_stagerun"),
        tie("cycles_stagerun", "cycle_id", "cycles_cycle"),
    ]
