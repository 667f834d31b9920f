from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # The index is built beside the writes of a running product.
    atomic = False

    dependencies = [("evaluations", "0005_facts_know_when_they_were_captured")]

    operations = [
        migrations.AddField(
            model_name="conversationfact",
            name="assignment_id",
            field=models.CharField(db_collation="C", db_default="", default="", max_length=100),
        ),
        AddIndexConcurrently(
            model_name="conversationfact",
            index=models.Index(
                condition=models.Q(("assignment_id", ""), _negated=True),
                fields=["organization", "assignment_id"],
                name="facts_by_assignment",
            ),
        ),
    ]
