from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reports", "0002_keep_organizations_apart")]

    operations = [
        migrations.RunSQL(
            sql=(
                "CREATE TRIGGER ready_reports_never_change BEFORE UPDATE ON reports_report FOR EACH ROW "
                "WHEN (OLD.status = 'ready') EXECUTE FUNCTION refuse_change()"
            ),
            reverse_sql="DROP TRIGGER ready_reports_never_change ON reports_report",
        ),
    ]
