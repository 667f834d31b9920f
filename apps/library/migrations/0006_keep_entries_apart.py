from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [("library", "0005_shared_entries")]

    operations = [
        protect("library_libraryentry"),
        tie("library_libraryentry", "version_id", "library_promptversion"),
        protect("library_adoption"),
        tie("library_adoption", "entry_id", "library_libraryentry"),
        tie("library_adoption", "application_id", "organizations_application"),
        tie("library_adoption", "version_id", "library_promptversion"),
    ]
