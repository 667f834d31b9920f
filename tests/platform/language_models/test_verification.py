"""The model of the tests answers as a real one does. Runs only where there is a key: it costs a few tokens."""

from __future__ import annotations

import json
import os

import pytest

from apps.platform.language_models.asking import LanguageModel
from apps.platform.language_models.values import Endpoint, Question
from tests.model_server import model_server

KEY = os.environ.get("FLYWHEEL_TEST_MODEL_KEY", "")
URL = os.environ.get("FLYWHEEL_TEST_MODEL_URL", "https://api.openai.com/v1")
NAME = os.environ.get("FLYWHEEL_TEST_MODEL", "gpt-4o-mini")
SCHEMA = {
    "type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"],
    "additionalProperties": False,
}  # fmt: skip
QUESTION = Question([{"role": "user", "content": "Name a colour, as JSON."}], most_tokens=50, schema=("colour", SCHEMA))


@pytest.mark.skipif(not KEY, reason="set FLYWHEEL_TEST_MODEL_KEY to ask a real model")
@pytest.mark.enable_socket
def test_a_real_model_and_ours_answer_the_same_question_in_the_same_shape() -> None:
    with LanguageModel(Endpoint(URL, NAME, KEY)) as real:
        theirs = real.ask(QUESTION)
    with (
        model_server(reply=lambda _: '{"colour": "blue"}') as model,
        LanguageModel(Endpoint(model.base_url, "m")) as ours,
    ):
        made_up = ours.ask(QUESTION)

    assert json.loads(theirs.text).keys() == json.loads(made_up.text).keys()
    assert theirs.tokens is not None
    assert made_up.tokens is not None
