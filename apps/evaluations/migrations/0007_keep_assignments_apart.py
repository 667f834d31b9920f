from django.db import migrations

from apps.platform.rowsecurity import protect


class Migration(migrations.Migration):
    dependencies = [("evaluations", "0006_facts_know_their_assignments")]

    operations = [protect("evaluations_factassignment")]
