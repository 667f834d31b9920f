from django.db import migrations

# Versions written before the leak detector was told of them: as apps.evaluations.services.served_prompts does.
_TELL = r"""
INSERT INTO evaluations_systempromptfingerprint (organization_id, name, content_hash, content, known_at)
SELECT v.organization_id, left(p.name || '@' || v.number, 120), v.content_hash,
    regexp_replace(
        CASE jsonb_typeof(v.content)
            WHEN 'array' THEN coalesce(
                (SELECT string_agg(m ->> 'content', E'\n') FROM jsonb_array_elements(v.content) m
                 WHERE m ->> 'role' <> 'user'), '')
            ELSE v.content #>> '{}'
        END,
        '\{\{[^{}]*\}\}', E'\n', 'g'
    ), v.created_at
FROM library_promptversion v JOIN library_prompt p ON p.id = v.prompt_id
ORDER BY v.id
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [
        ("library", "0008_keep_waiting_labels_apart"),
        ("evaluations", "0010_keep_what_is_taught_apart"),
    ]

    operations = [migrations.RunSQL(_TELL, migrations.RunSQL.noop)]
