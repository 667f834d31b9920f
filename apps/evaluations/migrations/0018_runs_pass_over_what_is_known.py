"""A fact says which analyzers made it, so that a run can pass over what they have said already."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluations", "0017_facts_are_listed_by_topic")]

    operations = [
        migrations.AddField("conversationfact", "analyzers", models.BigIntegerField(null=True)),
        migrations.AddField("evaluationrun", "current", models.PositiveIntegerField(default=0)),
        migrations.AddField("evaluationrun", "only_outdated", models.BooleanField(default=False)),
    ]
