"""Workers look for what is due organization by organization, in rotation."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("organizations", "0001_initial"), ("platform", "0001_initial")]

    operations = [
        migrations.RemoveIndex(model_name="workitem", name="work_waiting"),
        migrations.AddIndex(
            model_name="workitem",
            index=models.Index(fields=["organization", "due_at"], condition=Q(parked_reason=""), name="work_waiting"),
        ),
    ]
