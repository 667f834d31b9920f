from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0005_models_to_ask"),
    ]

    operations = [
        migrations.AddField(
            model_name="application",
            name="retention_days",
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.CheckConstraint(
                condition=models.Q(("retention_days__gte", 1)), name="texts_are_kept_at_least_a_day"
            ),
        ),
    ]
