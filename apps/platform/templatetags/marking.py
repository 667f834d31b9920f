"""Marks that say a state in a shape and a word: severity, outcome, verdict, grade, the state of a piece of work; and
moments."""

from __future__ import annotations

from datetime import date, datetime
from html import escape

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.platform.templatetags import figures
from apps.platform.templatetags.drawing import icon, severity_steps

_LEVELS = {"low": 1, "medium": 2, "high": 3, "critical": 4}
_VERDICT_ICONS = {"good": "check", "bad": "x", "live": "half", "wait": "wait", "none": "equal", "todo": "ring",
                  "back": "back"}  # fmt: skip
# Amber is for what waits for a person, so nothing that waits for a machine is "wait".
_STATES = {
    "pending": ("todo", "pending"),
    "queued": ("todo", "queued"),
    "running": ("live", "running"),
    "stored": ("live", "stored, being analyzed"),
    "analyzed": ("good", "analyzed"),
    "finished": ("good", "finished"),
    "done": ("good", "done"),
    "waiting": ("live", "waiting"),
    "ready": ("good", "ready"),
    "cancelling": ("live", "being cancelled"),
    "cancelled": ("none", "cancelled"),
    "failed": ("bad", "failed"),
    "parked": ("wait", "parked"),
    "active": ("good", "active"),
    "expired": ("none", "expired"),
    "revoked": ("none", "revoked"),
    "open": ("todo", "open"),
    "acknowledged": ("live", "acknowledged"),
    "assigned": ("live", "assigned"),
    "resolved": ("good", "resolved"),
    "delivered": ("good", "delivered"),
    "sent": ("good", "sent"),
    "withdrawn": ("none", "over before it was due"),
    "failing": ("bad", "failing"),
    "disabled": ("none", "switched off"),
    "draft": ("todo", "draft"),
    "scheduled": ("todo", "scheduled"),
    "paused": ("wait", "paused"),
    "invalid": ("bad", "held: not valid"),
    "awaiting_approval": ("wait", "waits for approval"),
    "promoted": ("good", "promoted"),
    "no_winner": ("none", "no winner"),
    "loser": ("bad", "control was better"),
    "rolled_back": ("bad", "rolled back"),
    "stopped": ("none", "stopped"),
    "proposed": ("wait", "proposed"),
    "approved": ("live", "approved"),
    "deployed": ("good", "in production"),
    "won": ("good", "won"),
    "lost": ("bad", "lost"),
    "undecided": ("none", "undecided"),
    "rejected": ("none", "rejected"),
    "retired": ("none", "taken back"),
}
GRADES = {
    "A": "randomised",
    "B": "before/after with a concurrent control",
    "C": "plain before/after",
    "D": "estimate, not in the headline",
}
_OUTCOMES = frozenset({"blocked", "succeeded", "unclear"})


def severity(word: str | None) -> SafeString:
    """Mark low, medium, high or critical; nothing for nothing. Raises KeyError for another word."""
    if not word:
        return SafeString("")
    level = _LEVELS[word]
    return format_html('<span class="fw-sev fw-sev--{}">{}{}</span>', level, severity_steps(level), word)


def outcome(word: str | None, text: str = "") -> SafeString:
    """Mark blocked, succeeded or unclear by shape, colour and word; other words get a hollow ring."""
    if not word:
        return SafeString("")
    key = word if word in _OUTCOMES else "none"
    return format_html('<span class="fw-outcome"><i class="fw-key fw-key--{}"></i>{}</span>', key, text or word)


def verdict(kind: str, text: str) -> SafeString:
    """Mark a verdict: kind is good, bad, live, wait (for a person), none, todo or back (rolled back)."""
    tone = {"back": "bad", "none": "", "todo": ""}.get(kind, kind)
    classes = f"fw-verdict fw-verdict--{tone}" if tone else "fw-verdict"
    return format_html('<span class="{}">{}{}</span>', classes, icon(_VERDICT_ICONS[kind], 13), text)


def state(word: str, text: str = "") -> SafeString:
    """Mark the state of a batch, a run, a key; a word we do not know is shown as it is."""
    kind, said = _STATES.get(word, ("todo", word))
    return verdict(kind, text or said)


def grade(letter: str) -> SafeString:
    """Mark an evidence grade, A to D, with its meaning as title."""
    return format_html(
        '<abbr class="fw-grade fw-grade--{} text-decoration-none" title="Evidence grade {}: {}">{}</abbr>',
        letter, letter, GRADES[letter], letter,
    )  # fmt: skip


def moment(value: datetime | date | None, form: str = "short") -> SafeString:
    """Write a moment as <time>, its full form as title; form is short or full."""
    if value is None:
        return SafeString(figures.UNKNOWN)
    full = figures.when_in_full(value)
    text = full if form == "full" else figures.when(value)
    # Without format_html, which costs more than all the rest where a page has a hundred moments.
    return mark_safe(f'<time datetime="{value.isoformat()}" title="{escape(full)}">{escape(text)}</time>')  # noqa: S308
