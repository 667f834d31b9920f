"""Topics from captured conversations to the page: found, given, kept, counted; nobody else's, and nobody's own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.cycles.services.erasing import erase, hash_of
from apps.evaluations import selectors
from apps.evaluations.models import ConversationFact, Topic, TopicDay, TopicModel
from apps.evaluations.selectors import Filters
from apps.evaluations.services import rollups, topic_days, topics
from apps.organizations.models import Application, Organization
from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant
from tests.evaluations.domain.topics.made import SUBJECTS, sentence
from tests.factories import AT, capture, make_key, make_organization
from tests.portal.world import make_member, session_of

pytestmark = pytest.mark.django_db


def talks(n: int, *, first: int = 0, seed: int = 1, subjects: tuple[str, ...] = ("refund", "delivery", "login"),
          **changes: Any) -> list[dict[str, Any]]:  # fmt: skip
    """Return n conversations of as many users, one subject after another; the subject is a tag."""
    chance = random.Random(seed)
    records = []
    for number in range(first, first + n):
        subject = subjects[number % len(subjects)]
        began = AT - timedelta(minutes=7 * number)
        told = {"session_id": f"s{number}", "user_id": f"u{number}", "tags": [subject]} | changes
        turns = (("user", sentence(subject, chance)), ("assistant", "I will look into it and write to you soon."))
        records += [
            told | {"role": role, "message": text, "timestamp": (began + timedelta(seconds=n)).isoformat()}
            for n, (role, text) in enumerate(turns)
        ]
    return records


@pytest.fixture
def shop() -> Iterator[Organization]:
    """An organization with 240 conversations about three subjects, whose topics were looked for."""
    organization = make_organization("shop", sandbox=True, clock_at=AT + timedelta(hours=1))
    capture(organization, talks(240))
    look(organization)
    return organization


def look(organization: Organization) -> None:
    """Have topics found, given and counted, as workers would."""
    with tenant(organization.id):
        applications = list(Application.objects.values_list("id", flat=True))
    for application_id in applications:
        topics.find_topics(organization_id=organization.id, application_id=application_id)
        with tenant(organization.id):
            days = set(ConversationFact.objects.filter(application_id=application_id).values_list("day", flat=True))
        for day in days:
            topic_days.count_topics(organization_id=organization.id, application_id=application_id, day=day)


def later(organization: Organization, **changes: float) -> None:
    Organization.objects.filter(id=organization.id).update(clock_at=AT + timedelta(hours=1) + timedelta(**changes))


def keys(organization: Organization) -> dict[str, str]:
    """Return the key of the topic most conversations of each subject have."""
    with tenant(organization.id):
        found = [(tag, topic) for (tag,), topic in ConversationFact.objects.values_list("tags", "topic")]
    return {tag: max((topic or "" for name, topic in found if name == tag), key=[t for _, t in found].count)
            for tag, _ in found}  # fmt: skip


def get(organization: Organization, path: str) -> Any:
    client = Client(headers={"Authorization": f"Bearer {make_key(organization, 'read')}"})
    return client.get(f"/api/v1/{path}")


def reader(organization: Organization, role: str = "owner") -> Client:
    client = Client()
    client.cookies["sessionid"] = session_of(make_member(organization, role))
    return client


def test_analysis_asks_for_topics_and_each_conversation_gets_its_own(shop: Organization) -> None:
    assert WorkItem.objects.filter(organization_id=shop.id, kind="evaluations.find_topics").count() == 1
    with tenant(shop.id):
        given = [(tags[0], topic) for tags, topic in ConversationFact.objects.values_list("tags", "topic")]
        words = {topic.key: topic.words for topic in Topic.objects.all()}
    right = sum(topic in words and set(words[topic]) <= set(SUBJECTS[subject].split()) for subject, topic in given)

    assert len(words) == 3
    assert len(given) == 240
    assert right >= 235


def test_topics_filter_conversations_and_group_metrics(shop: Organization) -> None:
    key = keys(shop)["refund"]

    listed = get(shop, f"conversations?topic={key}").json()["results"]
    grouped = get(shop, "metrics?group_by=topic").json()["groups"]

    assert listed
    assert {each["topic"] for each in listed} == {key}
    assert sum(group["conversations"] for group in grouped) == 240
    one = next(group for group in grouped if group["key"] == key)
    assert set(one["label"].split(" · ")) <= set(SUBJECTS["refund"].split())
    assert one["conversations"] == get(shop, f"metrics?topic={key}").json()["conversations"]
    assert get(shop, "conversations?topic=t_NOTTHERE").json()["results"] == []


def test_counts_by_day_are_those_of_the_facts_and_follow_them(shop: Organization) -> None:
    with tenant(shop.id):
        application_id = Application.objects.get().id
        found = selectors.read_topics(Filters(application_id=application_id), at=AT)
        facts = list(ConversationFact.objects.values_list("topic", "quality_score", "escalated"))
        day = ConversationFact.objects.values_list("day", flat=True).order_by("day")[0]
        ConversationFact.objects.filter(day=day)[:1].get().delete()
    rollups.roll_up(organization_id=shop.id, application_id=application_id, day=day)
    with tenant(shop.id):
        after = selectors.read_topics(Filters(application_id=application_id), at=AT)

    assert (found.seen, after.seen) == (240, 239)
    for topic in found.topics:
        scores = [score for key, score, _ in facts if key == topic.key and score is not None]
        assert topic.conversations == sum(key == topic.key for key, _, _ in facts)
        assert topic.escalated == sum(escalated for key, _, escalated in facts if key == topic.key)
        assert topic.score.n == len(scores)
        assert topic.score.total == pytest.approx(1_000 * sum(scores), abs=len(scores))


def test_new_conversations_get_the_topics_there_are_without_a_new_fit(shop: Organization) -> None:
    before = keys(shop)
    capture(shop, talks(9, first=300, seed=4))
    later(shop, days=1)
    look(shop)

    with tenant(shop.id):
        fitted = TopicModel.objects.get().fitted_at
        new = [f.topic == before[f.tags[0]] for f in ConversationFact.objects.filter(session_id__startswith="s30")]
    assert fitted == AT + timedelta(hours=1)
    assert sum(new) >= 8


def test_a_topic_keeps_its_key_from_fit_to_fit_and_one_nobody_talks_of_retires(shop: Organization) -> None:
    before = keys(shop)
    with tenant(shop.id):
        ConversationFact.objects.filter(tags__contains=["login"]).delete()
    capture(shop, talks(240, first=500, seed=9, subjects=("refund", "delivery", "roaming")))
    later(shop, days=7)
    look(shop)
    after = keys(shop)

    assert (after["refund"], after["delivery"]) == (before["refund"], before["delivery"])
    assert after["roaming"] not in before.values()
    with tenant(shop.id):
        states = {topic.key: topic.retired_at is None for topic in Topic.objects.all()}
        assert not ConversationFact.objects.filter(topic=None).exists()
    assert states[before["login"]] is False
    assert states[after["roaming"]] is True


def test_looking_again_changes_nothing(shop: Organization) -> None:
    with tenant(shop.id):
        before = (list(Topic.objects.values()), list(TopicDay.objects.order_by("day", "topic").values_list("topic")))
    look(shop)
    with tenant(shop.id):
        after = (list(Topic.objects.values()), list(TopicDay.objects.order_by("day", "topic").values_list("topic")))

    assert after == before


def test_another_organization_sees_and_changes_nothing(shop: Organization) -> None:
    other = make_organization("other", sandbox=True, clock_at=AT + timedelta(hours=1))
    capture(other, talks(240, subjects=("invoice", "roaming")))
    before = keys(shop)
    look(other)
    key = before["refund"]

    assert keys(shop) == before
    assert set(keys(other).values()).isdisjoint(before.values())
    assert get(other, f"conversations?topic={key}").json()["results"] == []
    assert get(other, f"metrics?topic={key}").json()["conversations"] == 0
    with tenant(other.id):
        assert selectors.topic_labels([key]) == {}
    text = reader(other).get("/quality/topics/?csv=topics").getvalue().decode()
    assert key not in text
    assert "refund" not in text


def test_erasing_a_person_leaves_no_word_that_was_theirs_alone(shop: Organization) -> None:
    capture(shop, [
        {"session_id": f"own{n}", "user_id": "ana", "role": role, "timestamp": AT.isoformat(),
         "message": f"refund money card ottilie zanzibar {n}"}
        for n in range(3) for role in ("user", "assistant")
    ])  # fmt: skip
    later(shop, days=7)
    look(shop)
    with tenant(shop.id):
        counted = sum(TopicDay.objects.values_list("conversations", flat=True))
        model = bytes(TopicModel.objects.get().model)
        words = {word for topic in Topic.objects.all() for word in topic.words}
    erase(organization_id=shop.id, person=hash_of(shop, "ana"))
    with tenant(shop.id):
        rollups.roll_up(organization_id=shop.id, application_id=Application.objects.get().id, day=AT.date())
        left = sum(TopicDay.objects.values_list("conversations", flat=True))

    assert b"ottili" not in model
    assert b"zanzibar" not in model
    assert words.isdisjoint({"ottilie", "zanzibar", "ana"})
    assert (counted, left) == (243, 240)


def test_the_page_ranks_topics_by_volume_and_leads_to_their_rows(shop: Organization) -> None:
    client = reader(shop)
    answer = client.get("/quality/topics/")

    told = answer.context_data["topics"]
    assert told["state"] == "found"
    assert [row["n"] for row in told["rows"]] == sorted((row["n"] for row in told["rows"]), reverse=True)
    assert sum(row["share"] for row in told["rows"]) + (told["none"] or {"share": 0})["share"] == pytest.approx(1)
    assert f"topic={keys(shop)['refund']}" in answer.text
    rows = client.get(told["rows"][0]["url"])
    assert rows.status_code == 200
    assert told["rows"][0]["label"] in rows.text


def test_the_file_holds_every_topic_and_what_is_of_none(shop: Organization) -> None:
    lines = reader(shop).get("/quality/topics/?csv=topics").getvalue().decode().splitlines()

    assert lines[0].startswith("application,topic,words,conversations,share,mean_score,")
    assert sum(int(line.split(",")[3]) for line in lines[1:]) == 240


def test_who_sees_figures_only_gets_no_links_to_rows(shop: Organization) -> None:
    told = reader(shop, "aggregates").get("/quality/topics/").context_data["topics"]

    assert {row["url"] for row in told["rows"]} == {""}


def test_with_too_few_conversations_the_page_says_how_many_are_needed() -> None:
    young = make_organization("young", sandbox=True, clock_at=AT + timedelta(hours=1))
    capture(young, talks(30))
    look(young)

    client = reader(young)
    answer = client.get("/quality/topics/")
    assert "Warming up: 30 of 200 conversations" in answer.text
    assert "170 more are needed" in answer.text
    with tenant(young.id):
        assert not TopicModel.objects.exists()
    assert "CSV" not in answer.text


def test_a_topic_under_thirty_is_grey(shop: Organization) -> None:
    capture(shop, talks(20, first=900, subjects=("refund",)), application="small")
    with tenant(shop.id):
        ConversationFact.objects.filter(application__slug="small").update(topic=keys(shop)["refund"])
        ConversationFact.objects.filter(application__slug="support").update(topic="")
    look(shop)
    told = reader(shop).get("/quality/topics/").context_data["topics"]

    assert [row["thin"] for row in told["rows"]] == [True]
