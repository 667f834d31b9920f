from django.db import migrations

from apps.platform.rowsecurity import protect


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0010_erasures")]

    operations = [protect("ingestion_erasure")]
