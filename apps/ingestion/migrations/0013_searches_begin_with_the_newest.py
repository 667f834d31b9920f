from django.db import migrations

# Day by day from the newest, until enough is found: a word that most conversations hold is looked for in a day or two,
# not in the oldest ones first. Each day is asked for by its value, so that one partition is planned and read; the
# planner, which does not know how rare a word is, may not read a table instead of its index.
_SEARCH = """
CREATE OR REPLACE FUNCTION flywheel_search(words text, most integer) RETURNS TABLE (conversation_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    ours bigint := NULLIF(current_setting('flywheel.organization', true), '')::bigint;
    looked_for tsquery := websearch_to_tsquery('simple', words);
    day date;
    found bigint := 0;
    more bigint;
BEGIN
    IF numnode(looked_for) = 0 THEN
        RETURN;
    END IF;
    SELECT max(c.captured_on) INTO day FROM public.ingestion_conversation c WHERE c.organization_id = ours;
    WHILE day IS NOT NULL AND found < most LOOP
        RETURN QUERY EXECUTE format(
            'SELECT held.conversation_id FROM ('
            ' SELECT m.conversation_id FROM public.ingestion_message m'
            ' WHERE m.organization_id = $1 AND m.captured_on = %L'
            ' AND to_tsvector(''simple'', left(m.content, 100000)) @@ $2 LIMIT 10 * $3'
            ') held GROUP BY 1 ORDER BY 1 DESC LIMIT $3', day
        ) USING ours, looked_for, most - found;
        GET DIAGNOSTICS more = ROW_COUNT;
        found := found + more;
        SELECT max(c.captured_on) INTO day FROM public.ingestion_conversation c
        WHERE c.organization_id = ours AND c.captured_on < day;
    END LOOP;
END
$$;
"""
_BEFORE = """
CREATE OR REPLACE FUNCTION flywheel_search(words text, most integer) RETURNS TABLE (conversation_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT found.conversation_id FROM (
        SELECT m.conversation_id FROM public.ingestion_message m
        WHERE m.organization_id = NULLIF(current_setting('flywheel.organization', true), '')::bigint
            AND to_tsvector('simple', left(m.content, 100000)) @@ websearch_to_tsquery('simple', words)
        LIMIT 10 * most
    ) found
    GROUP BY 1 ORDER BY 1 DESC LIMIT most
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0012_erasures_go_on_where_they_stood")]

    operations = [migrations.RunSQL(_SEARCH, _BEFORE)]
