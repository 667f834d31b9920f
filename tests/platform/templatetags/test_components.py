"""What the portal's tags write: numbers as people read them, logged text as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from apps.platform.templatetags import blocks, drawing, figures, marking, naming
from apps.platform.templatetags.highlighting import excerpt, highlight, in_sight


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (figures.number(1234.5), "1,234.5"),
        (figures.number(-3), "−3"),
        (figures.number(-0.04, 1), "0.0"),
        (figures.number(None), "–"),
        (figures.percent(0.571), "57\N{NO-BREAK SPACE}%"),
        (figures.points(-0.11), "−11.0\N{NO-BREAK SPACE}points"),
        (figures.signed(3), "+3.0"),
        (figures.money(19.99), "$19.99"),
        (figures.money(0.0031), "$0.0031"),
        (figures.money(-50), "−$50"),
        (figures.duration(0.4), "0.4\N{NO-BREAK SPACE}s"),
        (figures.duration(86_400 * 3), "3\N{NO-BREAK SPACE}days"),
        (figures.interval([37, 76]), "[37, 76]"),
        (figures.interval_percent([None, 0.5]), ""),
    ],
)
def test_numbers_are_written_as_people_read_them(written: str, expected: str) -> None:
    assert written == expected


def test_a_figure_under_thirty_is_thin_and_an_unknown_one_is_not_zero() -> None:
    rate = blocks.figure(
        {"label": "Block rate", "kind": "percent", "value": 12 / 21, "interval": (0.37, 0.76), "n": 21}
    )
    nothing = blocks.figure({"label": "CSAT", "value": None, "n": 0})

    assert (rate["text"], rate["unit"], rate["interval"], rate["thin"]) == ("57", "%", "[37, 76]", True)
    assert (nothing["text"], nothing["thin"]) == ("unknown", True)


def test_logged_markup_stays_text_and_the_graver_mark_wins() -> None:
    text = '<img src=x onerror="alert(1)"> ignore all'
    html = highlight(
        text, [{"start": 31, "end": 41, "kind": "attack", "mark": "a"}, {"start": 38, "end": 99, "kind": "leak"}]
    )

    assert "<img" not in html
    assert '<mark class="fw-hit fw-hit--attack">ignore </mark>' in html
    assert '<mark class="fw-hit">all<sup>a</sup></mark>' in html


def test_what_cannot_be_seen_is_shown() -> None:
    assert "U+202E" in highlight("a\u202eb")
    assert "U+200B ×3" in highlight("a\u200b\u200b\u200bb")
    assert '<span class="fw-mask"' in highlight("write to [EMAIL]")


def test_a_line_of_a_diff_reads_as_it_is_served() -> None:
    line = in_sight("Refund \u202eyletaidemmi <b>[EMAIL]</b>\u200b")

    assert "U+202E" in line
    assert "U+200B" in line
    assert not {"\u202e", "\u200b"} & set(line)
    assert "&lt;b&gt;[EMAIL]&lt;/b&gt;" in line


@given(st.text(), st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60)), max_size=5))
def test_only_our_own_tags_come_out_of_any_text(text: str, edges: list[tuple[int, int]]) -> None:
    html = highlight(text, [{"start": a, "end": b, "kind": "attack", "mark": "x"} for a, b in edges])

    assert set(re.findall(r"</?([a-zA-Z!]+)", html)) <= {"mark", "span", "sup"}


@given(st.text(st.characters(categories=["L", "N", "Po", "Zs"], exclude_characters="[]")))
def test_visible_text_is_never_changed(text: str) -> None:
    assert unescape(highlight(text)) == text


def test_an_excerpt_is_short_and_holds_its_finding() -> None:
    html = excerpt(
        "word " * 200 + "ignore all" + " word" * 200, [{"start": 1000, "end": 1010, "kind": "attack", "mark": "a"}]
    )

    assert "ignore all</mark>" in html
    assert len(re.sub(r"<[^>]+>", "", html)) <= 162


def test_every_chart_has_a_table_made_from_its_data() -> None:
    chart = {
        "id": "c",
        "kind": "outcomes",
        "alt": "x",
        "data": {"labels": ["2 Nov"], "blocked": [2], "succeeded": [1], "unclear": [0]},
    }

    assert blocks.chart(chart)["body"] == (
        '<tr><td>2 Nov</td><td class="r">1</td><td class="r">0</td><td class="r">2</td></tr>'
    )


def test_no_word_of_a_charts_table_or_marks_is_markup() -> None:
    bad = '"><b>'
    chart = {
        "id": "c", "kind": "line", "alt": "x", "data": {}, "columns": ["a", "b"], "rows": [[bad, bad]], "links": [bad],
        "marks": [{"at": datetime(2026, 12, 4, tzinfo=UTC), "words": bad, "url": bad, "bad": True}],
    }  # fmt: skip

    shown = blocks.chart(chart)

    assert "<b>" not in shown["body"] + shown["marks"]
    assert shown["body"].count("&lt;b&gt;") == 3
    assert shown["marks"].count("&lt;b&gt;") == 2


def test_chart_data_cannot_leave_its_script_element() -> None:
    chart = {"id": "c", "kind": "pareto", "alt": '"><b>', "data": {"items": [{"label": "</script><b>", "value": 1}]}}
    html = Template("{% load flywheel %}{% chart c %}").render(Context({"c": chart}))

    assert "<b>" not in html


def test_no_drawing_carries_a_style() -> None:
    drawn = [
        drawing.wheel(40, 1), drawing.meter(3), drawing.stackbar(1, 2, 3),
        drawing.spark([1, 2, 3], [0, 1, 2], [2, 3, 4]),
        drawing.interval(1, 2, 3, (0, 4)), drawing.turning_wheel([{"state": "done", "url": "/x"}] * 6, ["a", "b"], "w"),
        marking.severity("high"), marking.outcome("unclear"), marking.grade("A"), marking.state("analyzed"),
    ]  # fmt: skip

    assert "style=" not in "".join(drawn)


def test_a_moment_says_its_zone_in_full() -> None:
    assert figures.when_in_full(datetime(2026, 12, 4, 10, 40, tzinfo=UTC)).endswith("4 Dec 2026, 10:40 UTC")


def test_an_identifier_in_a_text_is_a_link_and_the_rest_stays_text() -> None:
    found = naming.link_identifiers("x_Q5SVHYBC5VT6: <b>better</b>, not xx_Q5SVHYBC5VT6 nor z_Q5SVHYBC5VT6")

    assert found == (
        '<a href="/experiments/x_Q5SVHYBC5VT6/" title="x_Q5SVHYBC5VT6">the experiment</a>: &lt;b&gt;better&lt;/b&gt;, '
        "not xx_Q5SVHYBC5VT6 nor z_Q5SVHYBC5VT6"
    )
