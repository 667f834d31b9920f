"""A select without templates is the select that Django writes."""

from __future__ import annotations

import re

import pytest
from django import forms

from apps.organizations.web.forms import FlatSelect, MemberForm


def words(html: str) -> tuple[set[str], list[str]]:
    """Return the attributes of the select, in no order, and everything within it in order."""
    head, _, rest = html.partition(">")
    return set(head.split()), re.findall(r"[^\s<>]+", rest)


@pytest.mark.parametrize("value", ["b", "", None, '"><script>', 3])
def test_it_says_what_djangos_own_says(value: str | None) -> None:
    choices = [("", "none"), ("a", "A & <b>"), ("b", "B"), ('"><script>', '"><script>'), (3, "three")]
    attrs = {"id": "id_x", "required": True, "disabled": False, "aria-label": '"x"'}

    own = forms.Select(choices=choices).render("x", value, attrs)

    assert words(FlatSelect(choices=choices).render("x", value, attrs)) == words(own)


def test_a_member_is_shown_with_their_role() -> None:
    shown = str(MemberForm(initial={"role": "viewer", "team": "security"})["role"])

    assert re.findall(r'value="(\w+)" selected', shown) == ["viewer"]
