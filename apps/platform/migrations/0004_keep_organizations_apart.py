from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [("platform", "0003_outbox_and_webhooks"), ("organizations", "0002_keep_organizations_apart")]

    operations = [
        protect("platform_outboxevent"),
        protect("platform_webhookendpoint"),
        protect("platform_webhookdelivery"),
        tie("platform_webhookdelivery", "endpoint_id", "platform_webhookendpoint"),
        tie("platform_webhookdelivery", "event_id", "platform_outboxevent"),
    ]
