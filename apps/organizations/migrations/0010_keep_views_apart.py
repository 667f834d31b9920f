from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [("organizations", "0009_saved_views")]

    # Tied, a view goes with its member, also where a person is deleted outside any organization.
    operations = [
        protect("organizations_savedview"),
        tie("organizations_savedview", "member_id", "organizations_membership"),
    ]
