from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [("insights", "0003_alerts"), ("platform", "0004_keep_organizations_apart")]

    operations = [
        protect("insights_alertsubscription"),
        tie("insights_alertsubscription", "endpoint_id", "platform_webhookendpoint"),
        protect("insights_alert"),
        tie("insights_alert", "insight_id", "insights_insight"),
        tie("insights_alert", "subscription_id", "insights_alertsubscription"),
    ]
