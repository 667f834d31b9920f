"""The quality assessment of one conversation: patterns, escalation, resolution, satisfaction and a score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from apps.evaluations.domain.quality.context import compile_intents
from apps.evaluations.domain.quality.escalation import judge_escalation
from apps.evaluations.domain.quality.features import extract_features
from apps.evaluations.domain.quality.language import detect_language
from apps.evaluations.domain.quality.metadata import each_metadata
from apps.evaluations.domain.quality.patterns import PATTERNS, find_patterns, find_short_replies
from apps.evaluations.domain.quality.reading import Turn, read_turns
from apps.evaluations.domain.quality.resolution import judge_resolution
from apps.evaluations.domain.quality.satisfaction import find_csat
from apps.evaluations.domain.quality.score import (
    contributions,
    explain_score,
    load_model,
    predict_dissatisfaction,
    rate_subscores,
    sum_penalties,
)
from apps.evaluations.domain.values import ApplicationProfile, Conversation, QualityPattern, QualityResult

VERSION = "1"
# The languages whose words the cues, the lexicon and the model know.
COVERED_LANGUAGES = frozenset({"en"})


class QualityAnalyzer:
    """Compiled once for one application."""

    def __init__(self, profile: ApplicationProfile, *, common_replies: frozenset[str] = frozenset()) -> None:
        """``common_replies`` are the digit-normalised texts :func:`find_common_replies` found in the application."""
        self._intents = compile_intents(profile.intents)
        self._common_replies = common_replies
        self._languages = profile.languages
        self._model = load_model()

    def analyze(self, conversation: Conversation, *, at: datetime) -> QualityResult:
        """Return the assessment as known at ``at`` (aware).

        In a language the features do not cover, and where there is no reply to judge, the score is None and
        ``unscored_reason`` says why; short replies, escalation, resolution by metadata or time, and CSAT stay.
        """
        turns = read_turns(conversation.messages)
        every_metadata = list(each_metadata(conversation))
        escalation, handed_over = judge_escalation(turns, every_metadata)
        language = _find_language(turns)
        reason = self._say_why_unscored(turns, language)
        covered = not reason or language in COVERED_LANGUAGES
        found = self._find(turns) if covered else find_short_replies(turns)
        resolved = judge_resolution(turns, every_metadata, escalated=escalation.done, at=at, reads_words=covered)
        reasons = [f"escalated: {handed_over}"] if handed_over else []
        reasons += _reported_issues(every_metadata)
        score = dissatisfaction = None
        subscores: dict[str, float] = {}
        if not reason:
            counts = Counter(pattern.name for pattern in found)
            features = extract_features(turns, counts)
            parts = contributions(features, self._model)
            dissatisfaction = predict_dissatisfaction(parts, self._model)
            penalty = sum_penalties(found)
            score = round(max(0.0, 10 * (1 - dissatisfaction) - penalty), 2)
            subscores, why = rate_subscores(features, counts, resolved.resolution, resolved.reason, escalation)
            reasons += why + explain_score(parts, penalty)
        else:
            reasons.append(f"resolution: {resolved.reason}")
        names = {pattern.name for pattern in found}
        return QualityResult(
            score=score,
            subscores=subscores,
            patterns=tuple(name for name in PATTERNS if name in names),
            escalation=escalation,
            resolution=resolved.resolution,
            resolution_time_s=resolved.time_s,
            csat=find_csat(conversation.outcomes, every_metadata),
            predicted_dissatisfaction=None if dissatisfaction is None else round(dissatisfaction, 4),
            language=language,
            unscored_reason=reason,
            reasons=tuple(reasons),
            found=tuple(found),
            settles_at=resolved.settles_at,
        )

    def _find(self, turns: Sequence[Turn]) -> list[QualityPattern]:
        return find_patterns(turns, common_replies=self._common_replies, intents=self._intents)

    def _say_why_unscored(self, turns: Sequence[Turn], language: str) -> str:
        if language and language not in COVERED_LANGUAGES:
            return f"language {language} is not covered"
        if not language and COVERED_LANGUAGES.isdisjoint(self._languages):
            return "the language is not known to be covered"
        asked = False
        for turn in turns:
            if turn.is_user:
                asked = True
            elif asked:
                return ""
        return "no reply to judge" if asked else "no user message"


def _find_language(turns: Sequence[Turn]) -> str:
    """Return the language of the user's messages, of the replies where those are too short to tell, "" for neither."""
    for said in ([turn for turn in turns if turn.is_user], turns):
        if language := detect_language([turn.plain for turn in said], [turn.words for turn in said]):
            return language
    return ""


def _reported_issues(every_metadata: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"reported by the application: {metadata['quality_issue'][:80]}"
        for metadata in every_metadata
        if isinstance(metadata.get("quality_issue"), str) and metadata["quality_issue"]
    ]
