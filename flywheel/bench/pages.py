"""Every page and partial of the portal, with the filters people use most: what is measured, and what tests read."""

from __future__ import annotations

import psycopg

# Names in braces are found by _ROWS, or filled in by a test.
PAGES = (
    "/",
    "/?days=90",
    "/?days=all",
    "/?application=support",
    "/turns/",
    "/start/",
    "/listening/",
    "/conversations/",
    "/conversations/?application=support",
    "/conversations/?application={other}&since=2026-10-01",
    "/conversations/?min_risk=0.5",
    "/conversations/?min_risk=0.5&application=support",
    "/conversations/?outcome=succeeded",
    "/conversations/?escalated=true",
    "/conversations/?max_quality=4",
    "/conversations/?upsell=confirmed",
    "/conversations/?churn=at_risk",
    "/conversations/?enterprise_lead=true",
    "/conversations/?pattern=responses_under_20_chars",
    "/conversations/?finding=prompt_injection",
    "/conversations/?agent=nobody",
    "/conversations/?agent={agent}",
    "/conversations/?since=2026-09-10&until=2026-09-11",
    "/conversations/{conversation}/",
    "/pinned/",
    "/pinned/{pin}/",
    "/security/",
    "/security/?days=90",
    "/security/?days=all",
    "/security/?application=support",
    "/security/sample/?application=support",
    "/threat-patterns/",
    "/quality/",
    "/quality/?days=90",
    "/quality/?days=all",
    "/quality/?application=support",
    "/quality/outlook/?application=support",
    "/quality/topics/?days=all",
    "/business/",
    "/business/?days=90",
    "/business/?days=all",
    "/business/?application=support",
    "/performance/",
    "/performance/?days=90",
    "/performance/?days=all",
    "/performance/?application=support",
    "/uploads/",
    "/uploads/new/",
    "/uploads/{batch}/",
    "/uploads/{batch}/status/",
    "/sources/",
    "/runs/",
    "/runs/{run}/",
    "/runs/{run}/progress/",
    "/insights/",
    "/insights/?state=resolved",
    "/insights/?state=open&severity=medium",
    "/insights/{insight}/",
    "/improvements/",
    "/improvements/?view=list",
    "/improvements/column/?column=decided",
    "/improvements/{improvement}/",
    "/experiments/",
    "/experiments/plan/?application=support",
    "/experiments/{experiment}/",
    "/experiments/{experiment}/money/",
    "/roi/",
    "/roi/reports/",
    "/roi/reports/{report}/",
    "/roi/assumptions/",
    "/guardrails/",
    "/guardrails/{guardrail}/?application=support",
    "/library/",
    "/library/templates/",
    "/library/templates/?status=candidate",
    "/library/support/",
    "/shared/",
    "/cycles/",
    "/cycles/{cycle}/",
    "/applications/support/wheel/",
    "/organization/",
    "/organizations/",
    "/applications/",
    "/applications/support/",
    "/models/",
    "/models/set/?purpose=drafts&application=support",
    "/team/",
    "/keys/",
    "/alerts/",
    "/webhooks/",
    "/webhooks/{webhook}/",
    "/redaction/",
    "/audit/",
)
# A word of most conversations, of few, of none, and several together.
SEARCHES = (
    "/conversations/?q=order",
    "/conversations/?q=instructions",
    "/conversations/?q=zweihundertvierzig",
    "/conversations/?q=password+reset&application=support",
)
# Ids are the newest organization's: a benchmark has only one.
_ROWS = {
    "other": "SELECT slug FROM organizations_application WHERE slug <> 'support' ORDER BY id LIMIT 1",
    "guardrail": "SELECT name FROM library_guardrail ORDER BY id LIMIT 1",
    "conversation": "SELECT conversation_id FROM evaluations_conversationfact"
    " ORDER BY attacks_succeeded DESC, conversation_id LIMIT 1",
    "pin": "SELECT id FROM evaluations_pinnedconversation ORDER BY id LIMIT 1",
    "agent": "SELECT agent FROM evaluations_conversationfact WHERE agent <> '' LIMIT 1",
    "batch": "SELECT public_id FROM ingestion_batch ORDER BY id LIMIT 1",
    "run": "SELECT public_id FROM evaluations_evaluationrun ORDER BY id LIMIT 1",
    "insight": "SELECT public_id FROM insights_insight ORDER BY id LIMIT 1",
    "improvement": "SELECT public_id FROM improvements_improvement ORDER BY id LIMIT 1",
    "experiment": "SELECT public_id FROM experiments_experiment WHERE state = 'running'",
    "report": "SELECT public_id FROM reports_report ORDER BY id LIMIT 1",
    "cycle": "SELECT public_id FROM cycles_cycle ORDER BY id LIMIT 1",
    "webhook": "SELECT public_id FROM platform_webhookendpoint ORDER BY id LIMIT 1",
}


def addresses(owner: psycopg.Connection[tuple[object, ...]]) -> tuple[list[str], list[str]]:
    """Return the addresses of pages and of text searches. Raises LookupError where the organization lacks a row."""
    rows = {}
    for name, query in _ROWS.items():
        found = owner.execute(query.encode()).fetchone()
        if found is None:
            raise LookupError(f"the benchmark's organization has no {name}")
        rows[name] = found[0]
    return [page.format_map(rows) for page in PAGES], list(SEARCHES)
