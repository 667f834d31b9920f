"""A language model is asked patiently, within bounds, and its answers are read strictly."""

from __future__ import annotations

import json
import socket

import pytest

from apps.platform.language_models import asking
from apps.platform.language_models.asking import LanguageModel
from apps.platform.language_models.values import Answer, Endpoint, Failed, Question, Trouble
from tests.model_server import ModelServer, model_server

HELLO = Question([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}], most_tokens=50)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_FIRST_PAUSE", 0.001)


def ask(model: ModelServer, question: Question = HELLO, *, timeout: float = 5.0) -> Answer:
    with LanguageModel(Endpoint(model.base_url, "small", "sk-test", timeout)) as language_model:
        return language_model.ask(question)


def trouble_with(model: ModelServer, *, timeout: float = 5.0) -> Trouble:
    with pytest.raises(Failed) as failed:
        ask(model, timeout=timeout)
    return failed.value.trouble


def test_a_question_reaches_the_model_and_its_answer_says_what_it_cost() -> None:
    with model_server() as model:
        answer = ask(model)

    assert answer == Answer("Of course.", tokens=(13 + 10) // 4)
    assert model.asked == [{"model": "small", "messages": list(HELLO.messages), "max_tokens": 50}]
    assert model.keys == ["Bearer sk-test"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_overloaded_model_is_asked_again(status: int) -> None:
    with model_server(ill=[(status, b"{}")] * 2) as model:
        assert ask(model).text == "Of course."

    assert len(model.asked) == 3


def test_a_model_that_stays_down_is_left_after_a_few_attempts() -> None:
    with model_server(ill=[(500, b"{}")] * 99) as model:
        assert trouble_with(model) == "down"

    assert len(model.asked) == asking.ATTEMPTS


def test_a_pause_that_is_too_long_is_not_sat_through() -> None:
    with model_server(ill=[(429, b"{}")] * 9, headers={"Retry-After": "3600"}) as model:
        assert trouble_with(model) == "down"

    assert len(model.asked) == 1


def test_a_model_that_does_not_answer_in_time_is_down() -> None:
    with model_server(hold=5.0) as model:
        assert trouble_with(model, timeout=0.05) == "down"


def test_an_endpoint_that_refuses_us_is_not_asked_again() -> None:
    with model_server(ill=[(401, b'{"error": {"message": "bad key sk-test"}}')] * 9) as model:
        assert trouble_with(model) == "refused"

    assert len(model.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"null", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": ""}}]}',
        b'{"choices": [{"message": {"content": 7}}]}', b'{"choices": [{"message": {"content": "\xff"}}]}',
        b'{"choices": [{"message": {"content": "a"}}], "usage": {"total_tokens": -5}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_garbage_is_no_answer(body: bytes) -> None:
    with model_server(ill=[(200, body)]) as model:
        assert trouble_with(model) == "garbage"


def test_an_answer_without_end_is_cut_off() -> None:
    with model_server(ill=[(200, b" " * 3_000_000)] * 9) as model:
        assert trouble_with(model) == "down"


def test_the_providers_own_filter_is_an_answer() -> None:
    refused = json.dumps({"error": {"message": "filtered", "code": "content_filter"}}).encode()
    kept_back = b'{"choices": [{"message": {"content": null}, "finish_reason": "content_filter"}]}'
    with model_server(ill=[(400, refused), (200, kept_back)]) as model:
        assert [ask(model).filtered, ask(model).filtered] == [True, True]


def test_a_model_that_knows_the_limit_by_its_newer_name_is_asked_by_that() -> None:
    unknown = json.dumps({"error": {"message": "use max_completion_tokens", "param": "max_tokens"}}).encode()
    with model_server(ill=[(400, unknown)]) as model:
        assert ask(model).text == "Of course."

    assert "max_completion_tokens" in model.asked[1]


def test_a_redirect_is_not_followed() -> None:
    with model_server(ill=[(302, b"")], headers={"Location": "http://169.254.169.254/"}) as model:
        assert trouble_with(model) == "refused"

    assert len(model.asked) == 1


def test_an_endpoint_inside_that_nobody_allowed_is_never_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("it was connected to"))

    for address in ("http://127.0.0.1:9/v1", "https://127.0.0.1/v1", "https://169.254.169.254/v1"):
        with LanguageModel(Endpoint(address, "m")) as language_model, pytest.raises(Failed) as failed:
            language_model.ask(HELLO)
        assert failed.value.trouble == "down"


def test_the_worst_case_of_a_question_covers_what_it_really_costs() -> None:
    with model_server(reply=lambda _: "word " * 40) as model:
        assert (ask(model).tokens or 0) <= HELLO.worst_case


def test_a_key_does_not_show_in_a_representation() -> None:
    assert "sk-secret" not in repr(Endpoint("https://models.example/v1", "m", "sk-secret"))
