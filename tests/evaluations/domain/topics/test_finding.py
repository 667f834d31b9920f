"""Topics of made-up conversations are found again, named by what several people wrote, and last."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest

from apps.evaluations.domain.topics import FEWEST, FEWEST_USERS
from apps.evaluations.domain.topics.finding import Said, find_topics, limited, unpack
from apps.evaluations.domain.topics.lasting import carry_over
from apps.evaluations.domain.topics.words import topic_words
from tests.evaluations.domain.topics.made import SUBJECTS, corpus, sentence


def purity(places: Sequence[int | None], truth: Sequence[str]) -> float:
    """Return the share of conversations with a topic whose subject is their topic's commonest."""
    groups: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for place, subject in zip(places, truth, strict=True):
        if place is not None:
            groups[place][subject] += 1
    return sum(max(each.values()) for each in groups.values()) / sum(each.total() for each in groups.values())


def test_known_subjects_are_found_and_named_by_their_own_words() -> None:
    said, truth = corpus(1_000)

    fit = find_topics(said, seed=7)

    assert fit is not None
    model, found = fit
    places = model.assign([each.words for each in said])
    assert len(found) == len(SUBJECTS)
    assert purity(places, truth) >= 0.98
    assert sum(place is not None for place in places) >= 980
    for topic in found:
        assert any(set(topic.words) <= set(words.split()) for words in SUBJECTS.values()), topic.words
        assert topic.users >= FEWEST_USERS


def test_others_are_assigned_as_those_it_was_learned_from() -> None:
    said, _ = corpus(600)
    unseen, truth = corpus(500, seed=99)

    fit = find_topics(said, seed=7)

    assert fit is not None
    assert purity(unpack(fit[0].pack()).assign([each.words for each in unseen]), truth) >= 0.98


def test_the_same_conversations_and_seed_give_the_same_model() -> None:
    said, _ = corpus(400)

    assert find_topics(said, seed=3) == find_topics(said, seed=3)


@pytest.mark.parametrize("n", [0, 1, FEWEST - 1])
def test_too_few_conversations_have_no_topics(n: int) -> None:
    assert find_topics(corpus(n)[0], seed=1) is None


def test_conversations_without_words_have_none_and_hold_up_nobody() -> None:
    said, _ = corpus(400)

    fit = find_topics([*said, *(Said(f"q{n}", ()) for n in range(300))], seed=1)

    assert fit is not None
    assert fit[0].assign([(), topic_words(["ok"]), topic_words(["zebra giraffe"])]) == [None, None, None]
    assert fit[0].assign([]) == []
    assert find_topics([Said(f"q{n}", ()) for n in range(600)], seed=1) is None
    assert find_topics([Said(f"q{n}", ("same",)) for n in range(600)], seed=1) is None


def test_one_user_teaches_at_most_one_hundredth_or_three() -> None:
    said = [Said("flood", ("spam",))] * 500 + [Said(f"u{n}", ("word",)) for n in range(500)]

    assert Counter(said[place].user == "flood" for place in limited(said)) == {True: 10, False: 500}
    assert len(limited([Said("one", ("word",))] * 100)) == 3
    # Where nobody is named, everybody is somebody else; where some are, the nameless are one.
    assert len(limited([Said("", ("word",))] * 100)) == 100
    assert len(limited([Said("", ("word",))] * 99 + [Said("named", ("word",))])) == 4


def test_no_name_and_no_term_holds_a_word_of_fewer_than_five_users() -> None:
    chance = random.Random(5)
    said = [
        Said(f"u{n}", topic_words([f"{sentence('refund', chance)} {'ottilie zanzibar' if n < 4 else ''}"]))
        for n in range(300)
    ]
    flood = [Said("mallory", topic_words([f"{sentence('login', chance)} mallorys-slogan brandname"]))] * 300

    fit = find_topics([*said, *flood, *corpus(300)[0]], seed=1)

    assert fit is not None
    told = {*fit[0].terms, *(word for topic in fit[1] for word in topic.words)}
    assert told.isdisjoint({"ottilie", "zanzibar", "ottili", "brandname", "slogan", "mallorys", "mallory"})


def test_languages_and_scripts_without_spaces_have_topics_of_their_own() -> None:
    chance = random.Random(2)
    spanish = ["reembolso", "factura", "tarjeta", "banco", "importe", "devolución", "cobro"]
    chinese = (
        "我的包裹还没有送到请帮我查询物流",
        "快递员说包裹已经送到但是我没有收到",
        "请问我的包裹现在在哪里物流没有更新",
    )
    said = [Said(f"e{n}", topic_words([" ".join(chance.sample(spanish, 4))])) for n in range(200)]
    said += [Said(f"z{n}", topic_words([chance.choice(chinese)])) for n in range(200)]
    said += corpus(200, subjects=("login",))[0]
    truth = ["es"] * 200 + ["zh"] * 200 + ["en"] * 200

    fit = find_topics(said, seed=4)

    assert fit is not None
    assert purity(fit[0].assign([each.words for each in said]), truth) == 1.0


def test_a_topic_lasts_from_fit_to_fit_while_others_come_and_go() -> None:
    before, _ = corpus(600, subjects=("refund", "delivery", "login"))
    after, truth = corpus(600, seed=8, subjects=("refund", "delivery", "roaming"))
    old, new = find_topics(before, seed=1), find_topics(after, seed=2)
    assert old is not None
    assert new is not None

    words = [each.words for each in after]
    lasting = carry_over(old[0].assign(words), new[0].assign(words))

    assert len(lasting) == 2
    for place, earlier in lasting.items():
        assert set(new[1][place].words) & set(old[1][earlier].words)
    fresh = next(topic for place, topic in enumerate(new[1]) if place not in lasting)
    assert set(fresh.words) <= set(SUBJECTS["roaming"].split())
    assert truth.count("roaming") == fresh.conversations


def test_carrying_over_matches_each_topic_once_by_what_is_shared() -> None:
    # Hand-computed: 0→0 shares 4 of 5 (.8), 1→0 shares 1 of 6, 1→1 shares 1 of 2; 2 shares nothing.
    assert carry_over([0, 0, 0, 0, 0, 1, None], [0, 0, 0, 0, 1, 1, 2]) == {0: 0, 1: 1}
    assert carry_over([], []) == {}
    assert carry_over([None, None], [0, 0]) == {}


def test_ten_thousand_conversations_take_seconds_and_bounded_memory() -> None:
    said, truth = corpus(10_000)
    gc.collect()
    tracemalloc.start()

    fit = find_topics(said, seed=1)
    assert fit is not None
    places = fit[0].assign([each.words for each in said])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert purity(places, truth) >= 0.98
    assert most < 100_000_000
    assert len(fit[0].pack()) < 1_000_000
