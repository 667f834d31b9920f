from django.db import migrations

from apps.platform.rowsecurity import protect, tie


class Migration(migrations.Migration):
    dependencies = [
        ("evaluations", "0009_taught_and_judged"),
        ("ingestion", "0002_keep_organizations_apart"),
        ("organizations", "0002_keep_organizations_apart"),
    ]

    operations = [
        protect("evaluations_threatpattern"),
        tie("evaluations_threatpattern", "application_id", "organizations_application"),
        protect("evaluations_systempromptfingerprint"),
        protect("evaluations_verdictlabel"),
        tie("evaluations_verdictlabel", "conversation_id", "ingestion_conversation"),
        protect("evaluations_calibration"),
        tie("evaluations_calibration", "application_id", "organizations_application"),
        protect("evaluations_audititem"),
        tie("evaluations_audititem", "calibration_id", "evaluations_calibration"),
        tie("evaluations_audititem", "conversation_id", "ingestion_conversation"),
    ]
