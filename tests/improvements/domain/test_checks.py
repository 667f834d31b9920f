"""Checks of an organization's own: what passes, and what is no check."""

from __future__ import annotations

import pytest

from apps.improvements.domain.checks import Check, check_check, pass_all, summarize_checks

REFUND = Check("How do I get a refund?", must_match=r"14 days|fortnight", must_not_match="lawyer", longest=60)


@pytest.mark.parametrize(
    ("reply", "passes"),
    [
        ("Within 14 DAYS, from your account page.", True),
        ("Within a fortnight.", True),
        ("Ask us.", False),
        ("Within 14 days, or ask a Lawyer.", False),
        ("Within 14 days, " + "and so on " * 10, False),
        ("", False),
    ],
)
def test_a_reply_says_what_it_must_and_nothing_it_must_not(reply: str, passes: bool) -> None:
    assert REFUND.passes(reply) is passes


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (Check("  ", must_match="x"), "ask is what a user says"),
        (Check("Hello?"), "demands something"),
        (Check("Hello?", must_match="(unclosed"), "no pattern of RE2"),
        (Check("Hello?", must_match=r"(a)\1"), "no pattern of RE2"),
        (Check("Hello?", must_match="x" * 501), "at most 500"),
        (Check("Hello?", longest=0), "1 to 100,000"),
    ],
)
def test_what_is_no_check_is_refused(check: Check, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_check(check)


def test_one_that_failed_is_enough_to_stop_and_one_unknown_to_wait() -> None:
    assert pass_all(None) is True
    assert pass_all(summarize_checks([])) is True
    assert pass_all(summarize_checks([("a", "passed"), ("b", "passed")])) is True
    assert pass_all(summarize_checks([("a", "passed"), ("b", "")])) is None
    assert pass_all(summarize_checks([("a", "unscored"), ("b", "failed")])) is False
