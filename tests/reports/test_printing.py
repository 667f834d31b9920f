"""Printed reports hold any language of the data: what went in is read back, and nothing is a blank box."""

from __future__ import annotations

import io
import logging

import pytest
from pypdf import PdfReader

from apps.experiments.models import Experiment
from apps.platform.tenancy import tenant
from apps.reports.models import Report
from apps.reports.printing.fonts import drawable
from tests.reports.test_reports import write
from tests.reports.world import Ledger

NAMES = {
    "Latin, decomposed": "Zu\u0308rich Ło\u0301dź",
    "Greek and Cyrillic": "Ωμέγα Привет",
    "Chinese": "客服机器人",
    "Japanese": "サポート・ボット ひらがな",
    "Korean": "고객 지원",
    "Arabic": "مرحبا بالعالم",
    "Persian": "می\u200cخواهم",
    "Hebrew": "שלום",
    "Devanagari": "नमस्ते दुनिया",
    "Thai": "สวัสดีครับ",
    "Tamil": "தமிழ்",
    "emoji": "🚀 👍🏽 🇩🇪",
    "signs": "10 → 50 ✓ ₹",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_any_language_is_drawn(name: str) -> None:
    shown, missing = drawable(name)

    assert missing == 0
    assert "[U+" not in shown


def test_what_no_font_draws_stands_as_its_code_point_and_is_counted() -> None:
    assert drawable("A 𒀍 \ue000") == ("A [U+1200D] [U+E000]", 2)


def test_what_draws_nothing_or_asks_for_another_form_is_left_out() -> None:
    assert drawable("evil\u202e\u0007 ❤\ufe0f 1\ufe0f\u20e3 \u00ad") == ("evil ❤ 1 ", 0)


@pytest.mark.django_db
def test_a_report_whose_names_are_of_every_language_is_read_back_whole(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger()
    ledger.say(escalation_cost="1.10 1.90 3.20", hourly_rate="50 75 120", setup_hours="1")
    ledger.tried(0.4, 0.08)
    with tenant(ledger.organization.id):
        Experiment.objects.update(name=" ".join(NAMES.values()))
    with caplog.at_level(logging.WARNING):
        report_id = write(ledger, {})
    with tenant(ledger.organization.id):
        pages = PdfReader(io.BytesIO(bytes(Report.objects.get(public_id=report_id).pdf))).pages

    text = "".join(page.extract_text() for page in pages)

    assert set(drawable("".join(NAMES.values()))[0]) - {"\u200c"} <= set(text)
    assert "have no glyph" not in text
    assert [each.message for each in caplog.records if "glyph" in each.message] == []
