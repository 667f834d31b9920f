"""Saved views: kept, shown to whom they are for, renamed, shared, removed; gone with their member."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection
from django.test import Client

from apps.organizations.models import AuditEvent, Membership, Organization, SavedView
from apps.organizations.services import views
from apps.platform.tenancy import tenant
from tests.factories import AT, make_application, make_organization
from tests.portal.world import make_member

pytestmark = pytest.mark.django_db
RISKY = "min_risk=7&outcome=succeeded"


@pytest.fixture
def acme() -> Organization:
    organization = make_organization("acme")
    make_application(organization)
    return organization


def client_of(organization: Organization, role: str, email: str = "") -> Client:
    client = Client()
    user = make_member(organization, role, email or f"{role}@{organization.slug}.test")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def save(client: Client, name: str = "Leaks", page: str = "conversations", query: str = RISKY, **more: str) -> int:
    return client.post("/views/", {"page": page, "name": name, "query": query} | more).status_code


def act(client: Client, organization: Organization, action: str, **form: str) -> int:
    with tenant(organization.id):
        view_id = SavedView.objects.get().public_id
    return client.post(f"/views/{view_id}/{action}/", form).status_code


def kept(organization: Organization) -> list[tuple[str, str, bool]]:
    with tenant(organization.id):
        return list(SavedView.objects.order_by("id").values_list("name", "query", "shared"))


def test_filters_are_kept_under_a_name_without_their_place_in_the_list(acme: Organization) -> None:
    viewer = client_of(acme, "viewer")

    assert save(viewer, "  My   leaks ", query=f"{RISKY}&cursor=abc&before=7&q=") == 302

    assert kept(acme) == [("My leaks", RISKY, False)]
    page = viewer.get(f"/conversations/?{RISKY}").text
    assert "My leaks" in page
    assert "Change this view" in page


def test_saving_under_the_same_name_takes_its_place(acme: Organization) -> None:
    viewer = client_of(acme, "viewer")

    save(viewer)
    save(viewer, query="q=refund")
    save(viewer, page="insights", query="severity=high")

    assert kept(acme) == [("Leaks", "q=refund", False), ("Leaks", "severity=high", False)]


def test_a_private_view_is_its_members_alone(acme: Organization) -> None:
    save(client_of(acme, "analyst"))
    owner = client_of(acme, "owner")

    assert "Leaks" not in owner.get("/conversations/?q=a").text
    assert act(owner, acme, "rename", name="Mine") == 404


def test_a_shared_view_is_shown_to_everybody_and_audited(acme: Organization) -> None:
    analyst = client_of(acme, "analyst")
    save(analyst, shared="on")

    page = client_of(acme, "viewer").get("/conversations/?q=a").text

    assert "Leaks" in page
    assert "by analyst@acme.test" in page
    event = AuditEvent.objects.get(organization=acme, action="view.shared")
    assert (event.actor, event.subject, event.detail) == (
        "analyst@acme.test", "Leaks", {"page": "conversations", "query": RISKY},
    )  # fmt: skip


def test_who_may_not_change_things_keeps_views_to_themselves(acme: Organization) -> None:
    viewer = client_of(acme, "viewer")

    assert save(viewer, shared="on") == 403
    assert save(viewer) == 302
    assert act(viewer, acme, "share") == 403
    assert act(viewer, acme, "rename", name="Mine") == 302
    assert kept(acme) == [("Mine", RISKY, False)]
    assert "Share it with everybody" not in viewer.get("/conversations/?q=a").text


def test_sharing_and_stopping_and_removing_are_audited(acme: Organization) -> None:
    analyst = client_of(acme, "analyst")
    save(analyst)

    for action in ("share", "share", "unshare", "share", "remove"):
        assert act(analyst, acme, action) == 302

    assert kept(acme) == []
    actions = AuditEvent.objects.filter(organization=acme, action__startswith="view.").order_by("id")
    assert [event.action for event in actions] == ["view.shared", "view.unshared", "view.shared", "view.removed"]


def test_what_is_shared_is_changed_by_its_member_and_by_administrators(acme: Organization) -> None:
    save(client_of(acme, "analyst"), shared="on")

    assert act(client_of(acme, "analyst", "other@acme.test"), acme, "remove") == 403
    assert act(client_of(acme, "viewer"), acme, "remove") == 403
    assert act(client_of(acme, "admin"), acme, "remove") == 302
    assert kept(acme) == []


def test_a_taken_name_is_refused_and_said(acme: Organization) -> None:
    viewer = client_of(acme, "viewer")
    save(viewer, "One")
    save(viewer, "Two")
    with tenant(acme.id):
        two = SavedView.objects.get(name="Two")

    answer = viewer.post(f"/views/{two.public_id}/rename/", {"name": "One"}, follow=True)

    assert "There is a view named “One” here already." in answer.text
    assert [name for name, *_ in kept(acme)] == ["One", "Two"]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": " "}, "A view has a name"),
        ({"name": "x" * 61}, "A view has a name"),
        ({"query": "q=" + "x" * 2001}, "too long"),
        ({"query": "&".join(["q=1"] * 60)}, "too many filters"),
    ],
)
def test_what_cannot_be_a_view_is_said(acme: Organization, form: dict[str, str], words: str) -> None:
    viewer = client_of(acme, "viewer")

    answer = viewer.post("/views/", {"page": "runs", "name": "a", "query": ""} | form, follow=True)

    assert answer.status_code == 200
    assert words in answer.text
    assert kept(acme) == []


def test_a_list_that_there_is_not_is_400(acme: Organization) -> None:
    assert save(client_of(acme, "viewer"), page="//evil.example") == 400


def test_a_member_has_so_many_views_at_most(acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST", 1)
    viewer = client_of(acme, "viewer")

    save(viewer, "One")
    save(viewer, "Two")
    save(viewer, "One", query="q=new")

    assert kept(acme) == [("One", "q=new", False)]


def test_a_view_of_another_organization_is_not_there(acme: Organization) -> None:
    save(client_of(acme, "analyst"), shared="on")
    stranger = client_of(make_organization("other"), "owner")

    assert act(stranger, acme, "remove") == 404
    assert "Leaks" not in stranger.get("/conversations/?q=a").text


def test_a_view_goes_when_its_person_is_deleted_outside_any_organization(acme: Organization) -> None:
    save(client_of(acme, "analyst"), shared="on")

    Membership.objects.get(organization=acme, role="analyst").user.delete()

    assert kept(acme) == []


def test_a_view_cannot_be_another_organizations_members(acme: Organization) -> None:
    member = Membership.objects.get(user=make_member(make_organization("other"), "owner"))

    view = SavedView(organization=acme, public_id="f_1", member=member, page="runs", name="x", query="", saved_at=AT)
    with pytest.raises(IntegrityError, match="is_of_the_same_organization"), tenant(acme.id):
        view.save()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize(
    ("page", "state"),
    [("uploads", "stored"), ("runs", "finished"), ("improvements", "won"), ("experiments", "promoted")],
)
def test_lists_are_filtered_by_state_in_the_address(acme: Organization, page: str, state: str) -> None:
    viewer = client_of(acme, "viewer")

    answer = viewer.get(f"/{page}/?state={state}")

    assert answer.status_code == 200
    assert "Save this view" in answer.text
    assert viewer.get(f"/{page}/?state=nowhere").status_code == 400
