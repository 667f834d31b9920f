from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0006_retention_by_application"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(("redaction__in", ["off", "mask", "drop"])), name="redaction_is_a_policy"
            ),
        ),
    ]
