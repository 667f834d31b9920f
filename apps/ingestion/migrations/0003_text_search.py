from django.db import migrations

# tsvector operators are not leakproof, so under row security they never use their index. The function runs as the
# tables' owner and filters by the current organization itself; what it considers is capped.
_SEARCH = """
CREATE INDEX messages_by_word ON ingestion_message USING gin (to_tsvector('simple', left(content, 100000)));
CREATE FUNCTION flywheel_search(words text, most integer) RETURNS TABLE (conversation_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT found.conversation_id FROM (
        SELECT m.conversation_id FROM public.ingestion_message m
        WHERE m.organization_id = NULLIF(current_setting('flywheel.organization', true), '')::bigint
            AND to_tsvector('simple', left(m.content, 100000)) @@ websearch_to_tsquery('simple', words)
        LIMIT 10 * most
    ) found
    GROUP BY 1 ORDER BY 1 DESC LIMIT most
$$;
REVOKE ALL ON FUNCTION flywheel_search(text, integer) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0002_keep_organizations_apart")]

    operations = [
        migrations.RunSQL(_SEARCH, "DROP FUNCTION flywheel_search(text, integer); DROP INDEX messages_by_word")
    ]
