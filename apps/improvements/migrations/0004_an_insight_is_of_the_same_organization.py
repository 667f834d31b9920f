from django.db import migrations

from apps.platform.rowsecurity import tie


class Migration(migrations.Migration):
    dependencies = [
        ("improvements", "0003_an_improvement_answers_an_insight"),
        ("insights", "0002_keep_organizations_apart"),
    ]

    operations = [tie("improvements_improvement", "insight_id", "insights_insight")]
