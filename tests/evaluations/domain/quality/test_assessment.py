"""The quality assessment as a whole: what one conversation's result says."""

from datetime import UTC, datetime, timedelta

from apps.evaluations.domain.quality import QualityAnalyzer
from apps.evaluations.domain.values import ApplicationProfile, Conversation, Message

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PROFILE = ApplicationProfile()


def converse(*said, metadata=None, step=60, **more):
    """Return a conversation of (role letter, text[, metadata]) turns, ``step`` seconds apart."""
    roles = {"u": "user", "a": "assistant", "s": "system"}
    messages = tuple(
        Message(str(i), roles[one[0]], one[1], BEGAN + timedelta(seconds=i * step), one[2] if len(one) > 2 else {})
        for i, one in enumerate(said)
    )
    return Conversation("s", messages, BEGAN, messages[-1].sent_at, metadata=metadata or {}, **more)


def assess(*said, at=BEGAN + timedelta(days=30), profile=PROFILE, common_replies=frozenset(), **more):
    return QualityAnalyzer(profile, common_replies=common_replies).analyze(converse(*said, **more), at=at)


def test_a_helped_customer_scores_higher_than_a_dismissed_one():
    question = ("u", "How do I reset my password? I cannot log in to my account.")
    helped = assess(
        question,
        ("a", 'Open the login page, click "Forgot password" and enter your e-mail. You will get a link in 5 minutes.'),
        ("u", "Thanks, that worked!"),
        ("a", "You're welcome, have a nice day!"),
    )
    dismissed = assess(
        question,
        ("a", "Try again later."),
        ("u", "That is useless. I already told you I cannot log in!!!"),
        ("a", "I am sorry, I cannot help with that."),
    )
    assert helped.resolution == "confirmed"
    assert helped.patterns == ()
    assert dismissed.resolution == "unresolved"
    assert set(dismissed.patterns) >= {"responses_under_20_chars", "unhelpful_response", "user_frustration"}
    assert dismissed.score < 5 < helped.score


def test_a_german_conversation_is_unscored_but_keeps_what_needs_no_language():
    result = assess(
        ("u", "Guten Tag, wo bleibt meine Bestellung? Sie sollte schon hier sein."),
        ("a", "Moment bitte."),
        ("u", "Und was heißt das für mich?"),
        ("a", "Ihre Bestellung ist unterwegs und kommt am Freitag an.", {"escalated_to": "second_line", "csat": 2}),
    )
    assert result.score is None
    assert result.predicted_dissatisfaction is None
    assert result.language == "de"
    assert "de" in result.unscored_reason
    assert result.patterns == ("responses_under_20_chars",)
    assert result.escalation.done
    assert result.csat == 2
