"""Pulled, edited, pushed: versions are added, labels stay, and nobody's work is run over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.library.domain.files import PromptFile, read_file, write_file
from apps.library.models import Prompt
from apps.library.selectors import find_prompt, labelled_version
from apps.library.services.files import bring_back, take_out
from apps.library.services.prompts import add_version, create_prompt
from apps.platform.tenancy import tenant
from tests.factories import AT, make_organization

pytestmark = pytest.mark.django_db


def push(organization_id: int, file: PromptFile, *, force: bool = False) -> tuple[str, int]:
    pushed = bring_back(organization_id=organization_id, file=file, at=AT, actor="test", force=force)
    return pushed.done, pushed.version


def test_an_edited_file_becomes_a_version_and_labels_stay() -> None:
    organization = make_organization()
    with tenant(organization.id):
        create_prompt(
            organization_id=organization.id, name="support", content="Be kind.", labels=["production"], at=AT, actor="t"
        )
        (pulled,) = [read_file(write_file(file)) for file in take_out()]
        edited = replace(pulled, content="Be kind and brief.")

        assert push(organization.id, pulled) == ("unchanged", 1)
        assert push(organization.id, edited) == ("added", 2)
        assert push(organization.id, edited) == ("unchanged", 2)
        prompt = find_prompt("support")
        assert prompt is not None
        standing = labelled_version(prompt, "production")
        assert standing is not None
        assert standing.number == 1


def test_a_file_behind_somebody_elses_version_changes_nothing_unless_forced() -> None:
    organization = make_organization()
    with tenant(organization.id):
        create_prompt(organization_id=organization.id, name="support", content="Be kind.", at=AT, actor="t")
        (pulled,) = take_out()
        add_version(prompt=Prompt.objects.get(), content="Be quick.", at=AT, actor="another")
        mine = replace(pulled, content="Be brief.")

        assert push(organization.id, mine) == ("behind", 2)
        assert push(organization.id, mine, force=True) == ("added", 3)


def test_a_new_file_is_a_new_prompt_that_nobody_is_served() -> None:
    organization = make_organization()
    with tenant(organization.id):
        assert push(organization.id, PromptFile("fresh", "text", "Hello.", labels=("production",))) == ("created", 1)

        assert take_out(label="production") == []
