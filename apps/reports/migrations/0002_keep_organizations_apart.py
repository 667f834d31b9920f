from django.db import migrations

from apps.platform.rowsecurity import freeze, protect, tie


class Migration(migrations.Migration):
    dependencies = [
        ("reports", "0001_the_ledger"),
        ("improvements", "0002_keep_organizations_apart"),
        ("organizations", "0002_keep_organizations_apart"),
    ]

    operations = [
        protect("reports_assumption"),
        tie("reports_assumption", "application_id", "organizations_application"),
        freeze("reports_assumption"),
        protect("reports_benefitline"),
        tie("reports_benefitline", "application_id", "organizations_application"),
        tie("reports_benefitline", "improvement_id", "improvements_improvement"),
        protect("reports_costline"),
        tie("reports_costline", "application_id", "organizations_application"),
        tie("reports_costline", "improvement_id", "improvements_improvement"),
        protect("reports_claim"),
        tie("reports_claim", "application_id", "organizations_application"),
        tie("reports_claim", "line_id", "reports_benefitline"),
        protect("reports_valuation"),
        tie("reports_valuation", "application_id", "organizations_application"),
        protect("reports_report"),
        tie("reports_report", "application_id", "organizations_application"),
        protect("reports_delivery"),
        tie("reports_delivery", "report_id", "reports_report"),
    ]
