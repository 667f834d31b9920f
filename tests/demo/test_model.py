"""The bot's model answers as the bot does, and the product's probes of it find what is true."""

from __future__ import annotations

import json
import urllib.request
from itertools import islice

import pytest

from apps.demo.model import SimulatedModel
from apps.demo.prompts import starting_prompts
from apps.demo.truth import World
from apps.evaluations.domain.security.probed import ReplyJudge
from apps.improvements.domain.playbook import add_sections, playbook
from apps.improvements.domain.probing import Answered, summarize
from apps.improvements.domain.suite import REFERENCE, shipped

OLD = starting_prompts()["support"]
NEW = str(add_sections(OLD, ["injection_resistance", "ignore_instructions"], playbook()))


def chat(prompt: str, said: str) -> list[dict[str, str]]:
    told = {"role": "system", "content": f"{prompt}\n\nReference of this text: {REFERENCE}"}
    return [told, {"role": "user", "content": said}]


@pytest.mark.parametrize(("world", "says"), [("helpful", "better"), ("null", "no difference found")])
def test_probes_find_what_is_true_of_each_world(world: World, says: str) -> None:
    model = SimulatedModel(seed=7, world=world)
    judges = [(prompt, ReplyJudge(prompts=[prompt])) for prompt in (OLD, NEW)]

    found = summarize(
        Answered(probe.group, probe.source, *(
            judge.judge(probe.text, model.answer(chat(prompt, probe.text)), kind=probe.kind, sign=probe.sign)
            for prompt, judge in judges
        ))
        for probe in shipped()
    )  # fmt: skip

    truth, interval = model.truth(OLD, NEW), found["attacks"]["interval"]
    assert truth is not None
    assert (found["says"], found["refuses_more"]) == (says, False)
    assert interval[0] <= truth <= interval[1]


def test_the_same_message_under_the_same_prompt_is_answered_alike() -> None:
    probes = list(islice(shipped(), 10))

    answers = [
        [SimulatedModel(seed=7, world="helpful").answer(chat(OLD, probe.text)) for probe in probes] for _ in range(2)
    ]

    assert answers[0] == answers[1]


def test_it_is_served_as_an_openai_compatible_endpoint() -> None:
    model = SimulatedModel(seed=7, world="helpful")
    with model.served(0):
        request = urllib.request.Request(
            f"{model.url}/chat/completions", json.dumps({"model": "m", "messages": chat(OLD, "How do I pay?")}).encode()
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            told = json.load(answer)

    assert told["choices"][0]["message"]["content"]
    assert told["usage"]["total_tokens"] > 0
