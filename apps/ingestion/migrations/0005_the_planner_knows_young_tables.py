from django.db import migrations

# The check of a foreign key keeps its plan for as long as a connection lives. Made while the table is young and unknown
# to the planner, every index that begins with the organization looks equally good, and the check of each message reads
# all conversations of its organization: 500 rows for one. Analyzing at each doubling, until autovacuum takes over,
# costs milliseconds and makes every connection plan again. A definer's function, because only the owner may analyze.
_KNOW = """
CREATE FUNCTION flywheel_know_conversations() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_class WHERE oid = 'public.ingestion_conversation'::regclass AND reltuples < 1000
            AND pg_relation_size(oid) > 2 * 8192 * greatest(relpages, 1)
    ) THEN
        ANALYZE public.ingestion_conversation;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION flywheel_know_conversations() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0004_conversations_know_every_assignment")]

    operations = [migrations.RunSQL(_KNOW, "DROP FUNCTION flywheel_know_conversations()")]
