from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [("library", "0007_labels_that_wait")]

    operations = [
        protect("library_pendinglabel"),
        tie("library_pendinglabel", "prompt_id", "library_prompt"),
        tie("library_pendinglabel", "version_id", "library_promptversion"),
    ]
