from django.db import migrations

from apps.platform.rowsecurity import freeze, protect, tie


class Migration(migrations.Migration):
    dependencies = [("library", "0001_the_library"), ("organizations", "0002_keep_organizations_apart")]

    operations = [
        protect("library_prompt"),
        protect("library_promptversion"),
        tie("library_promptversion", "prompt_id", "library_prompt"),
        freeze("library_promptversion"),
        protect("library_labelassignment"),
        tie("library_labelassignment", "prompt_id", "library_prompt"),
        tie("library_labelassignment", "version_id", "library_promptversion"),
    ]
