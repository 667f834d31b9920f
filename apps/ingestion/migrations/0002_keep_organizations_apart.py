from django.db import migrations

from apps.platform.rowsecurity import protect, tie

_MESSAGE = """
CREATE TABLE ingestion_message (
    organization_id bigint NOT NULL,
    captured_on date NOT NULL,
    conversation_id bigint NOT NULL,
    digest bytea NOT NULL,
    role varchar(9) NOT NULL,
    content text NOT NULL,
    sent_at timestamptz NOT NULL,
    position integer NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, captured_on, conversation_id, digest)
) PARTITION BY RANGE (captured_on);
CREATE TABLE ingestion_message_default PARTITION OF ingestion_message DEFAULT;
ALTER TABLE ingestion_message ALTER COLUMN content SET COMPRESSION lz4;
"""


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0001_initial"), ("organizations", "0002_keep_organizations_apart")]

    operations = [
        protect("ingestion_batch"),
        tie("ingestion_batch", "application_id", "organizations_application"),
        protect("ingestion_rejectedline"),
        tie("ingestion_rejectedline", "batch_id", "ingestion_batch"),
        protect("ingestion_conversation"),
        tie("ingestion_conversation", "application_id", "organizations_application"),
        migrations.RunSQL(_MESSAGE, "DROP TABLE ingestion_message"),
        protect("ingestion_message"),
        tie("ingestion_message", "conversation_id", "ingestion_conversation"),
        protect("ingestion_outcome"),
        tie("ingestion_outcome", "application_id", "organizations_application"),
    ]
