"""The portal's benchmark: it knows every page, and its figures come from a product of its own."""

from __future__ import annotations

import json

import pytest
from django.urls import resolve

from flywheel.bench.pages import PAGES, SEARCHES
from flywheel.portal_urls import urlpatterns
from tests.product import flywheel

# Forms' targets and files; the address of an invitation works once; signing in leads to the landing page; the style
# guide is there while debugging.
NOT_PAGES = {
    "insights_csv", "styleguide",
    "templates_csv", "find_templates", "act_on_template",
    "conversations_csv", "rejected_lines", "rejected_json", "roi_report_file", "erase_person", "judge",
    "act_on_threat_pattern", "cancel_run", "acknowledge_insight", "assign_insight", "comment_on_insight",
    "act_on_improvement", "act_on_experiment", "adopt_entry", "withdraw_entry", "share_version", "two_people",
    "act_on_guardrail", "label_version", "retry_cycle", "landing", "roi_finance", "act_on_assumption",
    "redrive_batch", "switch_organization", "remove_model", "change_member", "remove_member", "revoke_invitation",
    "rotate_key", "revoke_key", "subscribe_others", "unsubscribe_alerts", "rotate_webhook", "send_webhook_again",
    "act_on_webhook", "pin_conversation", "unpin_conversation", "erase_organization",
    "save_view", "act_on_view", "create_application", "invitation",
}  # fmt: skip


def test_every_page_of_the_portal_is_measured_or_named_as_none() -> None:
    filled = [page.split("?")[0].replace("{", "").replace("}", "") for page in (*PAGES, *SEARCHES)]
    measured = {resolve(page.replace("/conversation/", "/1/").replace("/pin/", "/1/")).url_name for page in filled}

    assert {pattern.name for pattern in urlpatterns} - NOT_PAGES == measured
    assert not measured & NOT_PAGES


@pytest.mark.services
def test_a_small_organization_is_made_and_every_page_of_it_answers() -> None:
    done = flywheel("bench", "portal", "--n", "600", "--times", "2", "--format", "json")

    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads(done.stdout)
    assert figures["conversations"] == 600
    assert figures["pages"] == len(PAGES) + len(SEARCHES) == len(figures["timings"])
    assert figures["requests_elsewhere"] == []
    assert 100_000 < figures["first_page_bytes"] <= 300_000
    assert all(each["bytes"] > 200 and each["p95_ms"] > 0 for each in figures["timings"])
    assert {each["limit_ms"] for each in figures["timings"]} == {150.0, 500.0}
