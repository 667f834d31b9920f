from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [
        ("evaluations", "0015_topics"),
        ("organizations", "0002_keep_organizations_apart"),
    ]

    operations = [
        protect("evaluations_topic"),
        tie("evaluations_topic", "application_id", "organizations_application"),
        protect("evaluations_topicmodel"),
        tie("evaluations_topicmodel", "application_id", "organizations_application"),
        protect("evaluations_topicday"),
        tie("evaluations_topicday", "application_id", "organizations_application"),
    ]
