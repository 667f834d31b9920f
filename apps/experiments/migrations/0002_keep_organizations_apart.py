from django.db import migrations

from apps.platform.rowsecurity import freeze, protect, tie


class Migration(migrations.Migration):
    dependencies = [("experiments", "0001_experiments"), ("library", "0002_keep_organizations_apart")]

    operations = [
        protect("experiments_experiment"),
        tie("experiments_experiment", "prompt_id", "library_prompt"),
        protect("experiments_phase"),
        tie("experiments_phase", "experiment_id", "experiments_experiment"),
        protect("experiments_exposure"),
        tie("experiments_exposure", "phase_id", "experiments_phase"),
        protect("experiments_snapshot"),
        tie("experiments_snapshot", "phase_id", "experiments_phase"),
        freeze("experiments_snapshot"),
        protect("experiments_decision"),
        tie("experiments_decision", "experiment_id", "experiments_experiment"),
        freeze("experiments_decision"),
        protect("experiments_promotionapproval"),
        tie("experiments_promotionapproval", "experiment_id", "experiments_experiment"),
    ]
