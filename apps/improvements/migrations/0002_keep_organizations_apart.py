from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [
        ("improvements", "0001_improvements"),
        ("experiments", "0002_keep_organizations_apart"),
        ("library", "0002_keep_organizations_apart"),
        ("organizations", "0002_keep_organizations_apart"),
    ]

    operations = [
        protect("improvements_improvement"),
        tie("improvements_improvement", "application_id", "organizations_application"),
        tie("improvements_improvement", "prompt_id", "library_prompt"),
        tie("improvements_improvement", "experiment_id", "experiments_experiment"),
        protect("improvements_approval"),
        tie("improvements_approval", "improvement_id", "improvements_improvement"),
    ]
