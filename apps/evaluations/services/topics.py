"""Topics: found in a sample of the last four weeks, given to every conversation of them, kept from fit to fit.

Asked for with whatever is analyzed. A fit is due once a week, and earlier while an application is young; between two,
new conversations are given the topics there are. Only an early fit is given back to the conversations before it: a
week's keeps most topics, and what is new about it begins with it. Texts are read here, masked, and left here: what is
stored are words that several users wrote, and numbers.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Mod

from apps.evaluations.domain.topics import FEWEST, LOOKED_AT_DAYS
from apps.evaluations.domain.topics.lasting import carry_over
from apps.evaluations.domain.topics.words import topic_words
from apps.evaluations.models import ConversationFact, Topic, TopicModel
from apps.ingestion.models import Conversation
from apps.ingestion.selectors import read_messages
from apps.organizations.models import Application, Organization
from apps.platform import clock, work
from apps.platform.identifiers import new_identifier
from apps.platform.tenancy import tenant

if TYPE_CHECKING:
    from apps.evaluations.domain.topics.finding import Found, Model, Reader, Said

log = structlog.get_logger(__name__)

LOOKED_AT = timedelta(days=LOOKED_AT_DAYS)
REFIT = timedelta(days=7)
# The most conversations topics are learned from, whatever the traffic.
MOST = 10_000
_GROWN = 4
_PAGE, _PAGES_A_TURN = 500, 60
_COUNT_DELAY = timedelta(seconds=1)
# A retired topic goes when the last fact that names it has gone.
_REMEMBERED = timedelta(days=400)
# Rows are locked in the order in which analysis writes them.
_GIVE = """
WITH locked AS (
    SELECT f.id FROM evaluations_conversationfact f
    WHERE f.organization_id = %(organization)s AND f.conversation_id = ANY(%(ids)s)
    ORDER BY f.conversation_id FOR NO KEY UPDATE
)
UPDATE evaluations_conversationfact f SET topic = given.topic
FROM locked, unnest(%(ids)s::bigint[], %(topics)s::text[]) AS given(conversation_id, topic)
WHERE f.id = locked.id AND f.conversation_id = given.conversation_id AND f.topic IS DISTINCT FROM given.topic
RETURNING f.day
"""


def find_topics(*, organization_id: int, application_id: int) -> None:
    """Find the application's topics where that is due, then give them to the conversations that have none yet.

    May be repeated, and killed half-way: a fit is stored whole, topics are given page by page. A turn gives at most
    30,000 and asks for the next.
    """
    organization = Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        at = clock.now(organization)
        if not Application.objects.filter(id=application_id).exists():
            return
        last = TopicModel.objects.filter(application_id=application_id).first()
        young = _young(application_id, at).count() if _may_be_due(last, at) else 0
        said = _read_sample(application_id, at, young) if _is_due(last, young, at) else None
    if said is not None:
        _fit(organization_id, application_id, said, last, young, at)
    if not _give_all(organization_id, application_id, at):
        work.ask("evaluations.find_topics", organization_id=organization_id, key=str(application_id))


def _young(application_id: int, at: datetime) -> QuerySet[ConversationFact]:
    rows: QuerySet[ConversationFact] = ConversationFact.objects.filter(
        application_id=application_id, started_at__gte=at - LOOKED_AT
    )
    return rows


def _may_be_due(last: TopicModel | None, at: datetime) -> bool:
    """Return whether it is worth counting: after a full fit nothing is due for a week, whatever comes in."""
    return last is None or at - last.fitted_at >= REFIT or last.conversations < MOST


def _is_due(last: TopicModel | None, young: int, at: datetime) -> bool:
    if young < FEWEST:
        return False
    if last is None or at - last.fitted_at >= REFIT:
        return True
    # A young application's are found anew whenever it has grown fourfold.
    return young >= _GROWN * last.conversations


def _read_sample(application_id: int, at: datetime, young: int) -> list[Said]:
    """Return what users said in up to ``MOST`` conversations, evenly over the four weeks; attacks have their own page.

    Which ones is decided by their ids, which nobody outside can choose.
    """
    from apps.evaluations.domain.topics.finding import Said

    step = -(-young // MOST)
    rows = _young(application_id, at).filter(findings=[]).annotate(place=Mod(F("conversation_id"), step))
    chosen = list(rows.filter(place=0).order_by("conversation_id").values_list("conversation_id", "unit_hash")[:MOST])
    said = []
    for start in range(0, len(chosen), _PAGE):
        page = chosen[start : start + _PAGE]
        words = _words_of([conversation_id for conversation_id, _ in page])
        said += [Said(user, words.get(conversation_id, ())) for conversation_id, user in page]
    return said


def _words_of(ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the words of the users of these conversations; one whose text is gone is left out."""
    rows = list(Conversation.objects.filter(id__in=ids))
    messages = read_messages(rows)
    return {row.id: topic_words(m.content for m in messages[row.id] if m.role == "user") for row in rows}


def _fit(
    organization_id: int, application_id: int, said: list[Said], last: TopicModel | None, young: int, at: datetime
) -> None:
    # Here, because it brings numpy: the web process that knows this module stays light.
    from apps.evaluations.domain.topics import finding

    # One application learns the same from the same conversations, whoever asks and how often.
    fit = finding.find_topics(said, seed=zlib.crc32(f"topics:{application_id}".encode()))
    lasting: dict[int, str] = {}
    if fit and last and last.model:
        words = [each.words for each in said]
        before, now = finding.unpack(bytes(last.model)).assign(words), fit[0].assign(words)
        lasting = {new: last.topics[old] for new, old in carry_over(before, now).items()}
    with tenant(organization_id):
        early = last is None or at - last.fitted_at < REFIT
        _store(organization_id, application_id, fit, lasting, learned_from=len(said), young=young, early=early, at=at)
    log.info("topics.found", application=application_id, learned_from=len(said), topics=len(fit[1]) if fit else 0,
             lasting=len(lasting))  # fmt: skip


def _store(
    organization_id: int,
    application_id: int,
    fit: tuple[Model, list[Found]] | None,
    lasting: dict[int, str],
    *,
    learned_from: int,
    young: int,
    early: bool,
    at: datetime,
) -> None:
    told: dict[str, object] = {"fitted_at": at, "conversations": young, "learned_from": learned_from}
    if fit is not None:
        model, found = fit
        keys = [lasting.get(place) or new_identifier("t") for place in range(len(found))]
        told |= {"topics": keys, "model": model.pack()}
        told |= {"given_back_to": at + LOOKED_AT, "given_back_id": 0} if early else {"given_back_to": None}
        for key, topic in zip(keys, found, strict=True):
            named = {"words": list(topic.words), "conversations": topic.conversations, "users": topic.users,
                     "last_found_at": at, "retired_at": None}  # fmt: skip
            Topic.objects.update_or_create(
                organization_id=organization_id, key=key, defaults=named,
                create_defaults=named | {"application_id": application_id, "first_found_at": at},
            )  # fmt: skip
        theirs = Topic.objects.filter(application_id=application_id)
        theirs.filter(retired_at=None).exclude(key__in=keys).update(retired_at=at)
        theirs.filter(retired_at__lt=at - _REMEMBERED).delete()
    # A fit that found nothing leaves the topics there were: a quiet month is no reason to forget them.
    TopicModel.objects.update_or_create(organization_id=organization_id, application_id=application_id, defaults=told)


def _give_all(organization_id: int, application_id: int, at: datetime) -> bool:
    """Give topics to what has none yet, then anew to what had the last fit's; return whether all is done."""
    from apps.evaluations.domain.topics.finding import Reader, unpack

    with tenant(organization_id):
        current = TopicModel.objects.filter(application_id=application_id, model__isnull=False).first()
    if current is None:
        return True
    reader = Reader(unpack(bytes(current.model)))
    for _ in range(_PAGES_A_TURN):
        with tenant(organization_id):
            new = _young(application_id, at).filter(topic=None).order_by("-started_at", "-conversation_id")
            page = list(new.values_list("started_at", "conversation_id")[:_PAGE])
            if not page and current.given_back_to is None:
                return True
            if not page:
                page = _next_back(application_id, current, at)
            if page:
                _give(
                    organization_id, application_id, [conversation_id for _, conversation_id in page], reader, current
                )
    return False


def _next_back(application_id: int, current: TopicModel, at: datetime) -> list[tuple[datetime, int]]:
    """Return the next page of older conversations, and move the place up to which they are given topics anew."""
    until, before = current.given_back_to, current.given_back_id
    earlier = Q(started_at__lt=until) | Q(started_at=until, conversation_id__lt=before)
    rows = _young(application_id, at).filter(earlier).exclude(topic=None)
    page = list(rows.order_by("-started_at", "-conversation_id").values_list("started_at", "conversation_id")[:_PAGE])
    current.given_back_to, current.given_back_id = page[-1] if page else (None, 0)
    current.save(update_fields=["given_back_to", "given_back_id"])
    return page


def _give(organization_id: int, application_id: int, ids: Sequence[int], reader: Reader, current: TopicModel) -> None:
    words = _words_of(ids)
    places = reader.assign([words.get(each, ()) for each in ids])
    keys = ["" if place is None else current.topics[place] for place in places]
    with connection.cursor() as cursor:
        cursor.execute(_GIVE, {"organization": organization_id, "ids": list(ids), "topics": keys})
        days = {day for (day,) in cursor.fetchall()}
    for day in sorted(days):
        work.ask(
            "evaluations.count_topics",
            organization_id=organization_id,
            key=f"{application_id}:{day.isoformat()}",
            delay=_COUNT_DELAY,
        )
