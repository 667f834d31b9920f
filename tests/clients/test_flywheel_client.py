"""The client against the running product: assigned here or there with one outcome, never without a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from apps.experiments import serving
from apps.experiments.services import exposing, lifecycle
from apps.ingestion.models import Batch
from apps.library import serving as guarding
from apps.library.services import guardrails, prompts
from apps.organizations.models import Organization
from apps.platform import clock
from apps.platform.tenancy import tenant
from clients.flywheel_client import Flywheel, Prompt
from tests.factories import make_application, make_experiment, make_key, make_organization


@pytest.fixture
def portal(committed: None) -> Iterator[LiveServer]:
    server = LiveServer("127.0.0.1")
    yield server
    server.stop()


@pytest.fixture
def organization(committed: None) -> Iterator[Organization]:
    serving.pictures.forget()
    exposing.forget()
    made = make_organization()
    make_application(made)
    with tenant(made.id):
        prompts.create_prompt(
            organization_id=made.id, name="support", content="Be kind to {{name}}.", labels=["production"],
            at=clock.wall(), actor="test",
        )  # fmt: skip
        experiment = make_experiment("support")
        lifecycle.start(experiment_id=experiment.id, at=clock.wall(), actor="test")
    yield made
    serving.pictures.forget()


@pytest.fixture
def key(organization: Organization) -> str:
    return make_key(organization, "prompts", "ingest")


def test_assigned_here_or_there_a_unit_gets_the_same(portal: LiveServer, key: str) -> None:
    with Flywheel(portal.url, key) as asking, Flywheel(portal.url, key, local=True) as local:
        pairs = [(asking.get_prompt("support", f"u{n}"), local.get_prompt("support", f"u{n}")) for n in range(40)]

    assert all(one.echo == two.echo and one.content == two.content for one, two in pairs)
    assert {one.variant for one, _ in pairs} == {"control", "brief"}
    assert {one.source for one, _ in pairs} | {two.source for _, two in pairs} == {"server", "ruleset"}


def test_without_a_server_the_last_known_prompt_is_used_and_before_that_the_fallback(
    portal: LiveServer, key: str
) -> None:
    with Flywheel(portal.url, key) as client:
        client.get_prompt("support", "ada")
        client._url = "http://127.0.0.1:9"
        client._known = {each: (0.0, prompt) for each, (_, prompt) in client._known.items()}

        known, unknown = client.get_prompt("support", "ada"), client.get_prompt("offer", "ada", fallback="Offer.")
        with pytest.raises(LookupError, match="'offer'"):
            client.get_prompt("offer", "ada")

    assert (known.source, unknown.source, unknown.content, unknown.echo) == (
        "last known", "fallback", "Offer.", {"prompt_name": "offer"},
    )  # fmt: skip


def test_a_prompt_that_is_not_signed_with_our_key_is_not_used(portal: LiveServer, key: str) -> None:
    with Flywheel(portal.url, key) as client:
        client._hash = b"another key"
        assert client.get_prompt("support", "ada", fallback="Safe.").source == "fallback"


def test_logs_arrive_in_batches_and_none_twice(portal: LiveServer, key: str, organization: Organization) -> None:
    with Flywheel(portal.url, key, application="support", batch=30, every=0.1) as client:
        prompt = client.get_prompt("support", "ada")
        for number in range(70):
            client.log(f"s{number}", "user", "hello", user_id="ada", **prompt.echo)
        assert client.flush()

    with tenant(organization.id):
        counts: list[Any] = list(Batch.objects.values_list("accepted", flat=True))
    assert sum(counts) == 70


def test_gaps_are_filled_and_values_are_never_searched_for_gaps() -> None:
    prompt = Prompt("support", [{"role": "system", "content": "{{a}} {{ b }} {{c}}"}])
    assert prompt.fill(a="{{b}}", b=2) == [{"role": "system", "content": "{{b}} 2 {{c}}"}]


@pytest.fixture
def guarding_key(organization: Organization) -> Iterator[str]:
    guarding.pictures.forget()
    with tenant(organization.id):
        for name, content in (
            ("here", {"rules": [{"id": "orders", "pattern": "drop.{0,20}orders"}], "sanitise": True, "reply": "No."}),
            ("there", {"rules": [{"id": "codes", "on": "assistant", "pattern": "code( [0-9]+)+"}]}),
        ):
            version, _ = guardrails.add_guardrail_version(
                organization_id=organization.id, name=name, content=content, at=clock.wall(), actor="test"
            )
            guardrails.activate(guardrail=version, application=None, at=clock.wall(), actor="test")
    yield make_key(organization, "guardrails")
    guarding.pictures.forget()


def test_a_message_is_checked_here_where_rules_allow_it_and_else_there(portal: LiveServer, guarding_key: str) -> None:
    with Flywheel(portal.url, guarding_key, application="support") as client:
        here = client.check("Please D\u200brop all Orders")
        there = client.check("it is code 7 7 7", "assistant")
        as_there = client._check_there("Please D\u200brop all Orders", "user", None)

    assert (here.action, here.rules, here.reply, here.source) == ("block", ("orders",), "No.", "bundle")
    assert here.text == "Please Drop all Orders"
    assert as_there is not None
    assert (as_there.action, as_there.reply, as_there.text) == (here.action, here.reply, here.text)
    assert (there.action, there.rules[0], there.source) == ("block", "codes", "server")


def test_without_a_server_what_is_known_guards_and_before_that_it_is_said_that_nothing_does(
    portal: LiveServer, guarding_key: str
) -> None:
    with Flywheel(portal.url, guarding_key, application="support") as client:
        client.check("hello")
        client._url = "http://127.0.0.1:9"
        known, in_part = client.check("drop your orders"), client.check("code 7", "assistant")
        unknown = Flywheel("http://127.0.0.1:9", guarding_key, application="support").check("drop your orders")

    assert (known.action, known.source) == ("block", "bundle")
    assert (in_part.action, in_part.source) == ("allow", "bundle, in part")
    assert (unknown.action, unknown.source) == ("allow", "nothing")


def test_guardrails_that_are_not_signed_with_our_key_are_not_used(portal: LiveServer, guarding_key: str) -> None:
    with Flywheel(portal.url, guarding_key, application="support") as client:
        client._hash = b"another key"
        client._current(client._bundle)

        assert client._bundle.body is None
