"""The page Sessions: where a person is signed in, and the others signed out."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.organizations.accounts import NOWHERE
from apps.platform.templatetags.browsers import browser
from tests.factories import make_organization
from tests.portal.world import HOSTILE, make_member

pytestmark = pytest.mark.django_db
ADDRESS = "/accounts/sessions/"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Safari/604.1"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:121.0) Gecko/20100101 Firefox/121.0"


@pytest.fixture
def ada() -> User:
    person = make_member(make_organization("acme"), "owner", "ada@acme.test")
    person.set_password("a long enough secret")
    person.save()
    return person


def sign_in(agent: str, **from_where: str) -> Client:
    client = Client(headers={"User-Agent": agent}, **from_where)
    answer = client.post(reverse("account_login"), {"login": "ada@acme.test", "password": "a long enough secret"})
    assert answer.status_code == 302, answer.content
    return client


def test_it_lists_where_a_person_is_signed_in_and_which_is_this_one(ada: User) -> None:
    sign_in(PHONE, REMOTE_ADDR="198.51.100.9")
    page = sign_in(WINDOWS, REMOTE_ADDR="192.0.2.1").get(ADDRESS).text

    assert "Safari on iPhone" in page
    assert "198.51.100.9" in page
    assert page.index("Firefox on Windows") < page.index("this one") < page.index("192.0.2.1")
    assert page.count("this one") == 1


def test_the_others_are_signed_out_at_once_and_this_one_stays(ada: User) -> None:
    lost, here = sign_in(PHONE), sign_in(WINDOWS)

    answer = here.post(ADDRESS, follow=True)

    assert "Signed out of all other sessions" in answer.text
    assert "Safari on iPhone" not in answer.text
    assert lost.get("/").headers["Location"].startswith("/accounts/login/")
    assert here.get("/").status_code == 200


def test_nobody_sees_or_ends_the_sessions_of_another(ada: User) -> None:
    here = sign_in(PHONE)
    stranger = Client()
    stranger.force_login(
        make_member(make_organization("other"), "owner"), backend="django.contrib.auth.backends.ModelBackend"
    )

    assert "Safari on iPhone" not in stranger.get(ADDRESS).text
    stranger.post(ADDRESS)
    assert here.get("/").status_code == 200
    assert Client().get(ADDRESS).headers["Location"].startswith("/accounts/login/")


def test_a_new_password_ends_the_others(ada: User) -> None:
    lost, here = sign_in(PHONE), sign_in(WINDOWS)

    here.post(
        reverse("account_change_password"),
        {"oldpassword": "a long enough secret", "password1": "another long secret", "password2": "another long secret"},
    )

    assert lost.get("/").status_code == 302


def test_what_a_browser_says_of_itself_is_only_shown(ada: User) -> None:
    page = sign_in(HOSTILE[0]).get(ADDRESS).text

    assert HOSTILE[0] not in page
    assert "&lt;script&gt;window.pwned" in page


def test_a_server_that_names_no_client_shuts_nobody_out(ada: User) -> None:
    page = sign_in(PHONE, REMOTE_ADDR="").get(ADDRESS).text

    assert UserSession.objects.get().ip == NOWHERE
    assert "not known" in page


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (PHONE, "Safari on iPhone"),
        (WINDOWS, "Firefox on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/120.0 Safari/537.36 Edg/120.0", "Edge on macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0 Safari/537.36", "Chrome on Linux"),
        ("Firefox/1.0", "Firefox"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "unknown"),
    ],
)
def test_a_user_agent_is_told_in_words(agent: str, words: str) -> None:
    assert browser(agent) == words


def test_too_many_attempts_get_a_page_of_ours(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    client = Client(REMOTE_ADDR="198.51.100.77")
    asked = {"login": "ada@acme.test", "password": "not hers"}

    answers = [client.post(reverse("account_login"), asked) for _ in range(2)]

    assert [each.status_code for each in answers] == [200, 429]
    assert "To the wheel" in answers[1].text
