"""The forms of people, keys and applications. They check shape; services decide."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from apps.organizations.domain.profile import ProfileError, check_profile
from apps.organizations.models import ApiKey, Membership, ModelEndpoint
from apps.organizations.services.endpoints import TOKENS_PER_DAY, TOKENS_PER_RUN, EndpointValues

_SCOPES = [
    (ApiKey.Scope.INGEST, "push logs and outcomes"),
    (ApiKey.Scope.READ, "read conversations and metrics"),
    (ApiKey.Scope.PROMPTS, "fetch prompts, assign users, write versions"),
    (ApiKey.Scope.EXPERIMENTS, "run experiments and improvements"),
    (ApiKey.Scope.GUARDRAILS, "fetch, check and change guardrails"),
    (ApiKey.Scope.REPORTS, "say assumptions, ask for and read ROI reports"),
    (ApiKey.Scope.ADMIN, "change profiles and the sandbox clock"),
]


class _AddressedForm(forms.Form):
    """A name, and an address made from it where none is given."""

    name = forms.CharField(max_length=200)
    slug = forms.SlugField(required=False, label="Address")

    def clean(self) -> dict[str, Any]:
        """Return both, the address filled in."""
        cleaned: dict[str, Any] = super().clean() or {}
        if "name" in cleaned and "slug" in cleaned and not cleaned["slug"]:
            field: Any = self.fields["slug"]
            cleaned["slug"] = slugify(cleaned["name"])[: field.max_length].strip("-")
            if not cleaned["slug"]:
                self.add_error("slug", "The name has no Latin letter or digit to make an address of: give one.")
        return cleaned


class OrganizationForm(_AddressedForm):
    """A new organization."""

    slug = forms.SlugField(
        max_length=50, label="Address", required=False,
        help_text="Small letters, digits and dashes; made from the name where you leave it empty.",
    )  # fmt: skip


class ApplicationForm(_AddressedForm):
    """A new application."""

    slug = forms.SlugField(
        max_length=100, label="Address", required=False,
        help_text="As in ?application=…; made from the name where you leave it empty. It stays as it is.",
    )  # fmt: skip


class ProfileForm(forms.Form):
    """What an application's owner tells us, as JSON."""

    profile = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false", "class": "fw-mono"}),
        help_text="system_prompt, canaries, plans [{name, monthly_price}], intents [{intent, keywords, slots}], "
        "languages, cost_per_thousand_input_tokens, cost_per_thousand_output_tokens, default_monthly_value.",
    )

    def clean_profile(self) -> dict[str, Any]:
        """Return the profile in its stored form."""
        try:
            return check_profile(json.loads(self.cleaned_data["profile"]))
        except json.JSONDecodeError as error:
            raise forms.ValidationError(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
        except ProfileError as error:
            raise forms.ValidationError(str(error)) from error


class KeyForm(forms.Form):
    """A new key."""

    name = forms.CharField(max_length=100, required=False, help_text="Where it will be used.")
    scopes = forms.MultipleChoiceField(choices=_SCOPES, widget=forms.CheckboxSelectMultiple, initial=["ingest", "read"])
    application = forms.ChoiceField(required=False, help_text="Bound to one application, or to all.")
    days = forms.IntegerField(
        min_value=1, max_value=3650, required=False, label="Expires after", help_text="Days; empty for never."
    )

    def __init__(self, *arguments: Any, applications: list[tuple[str, str]], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fields["application"].choices = [("", "all applications"), *applications]  # type: ignore[attr-defined]


class ModelForm(forms.Form):
    """An OpenAI-compatible endpoint. An empty key leaves the one that is there, as long as the address stays."""

    base_url = forms.CharField(max_length=500, label="Address", help_text="As in https://api.openai.com/v1.")
    model = forms.CharField(max_length=200)
    api_key = forms.CharField(
        max_length=500, required=False, label="Key",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}), help_text="Encrypted; never shown again.",
    )  # fmt: skip
    tokens_per_run = forms.IntegerField(min_value=1, label="Tokens a run, at most")
    tokens_per_day = forms.IntegerField(min_value=1, label="Tokens a day, at most")

    def __init__(self, filled_in: Any, *, standing: ModelEndpoint | None) -> None:
        initial: dict[str, Any] = {"tokens_per_run": TOKENS_PER_RUN, "tokens_per_day": TOKENS_PER_DAY}
        if standing is not None:
            initial = {name: getattr(standing, name) for name in ("base_url", "model", *initial)}
        super().__init__(filled_in, initial=initial)
        if standing is not None and standing.api_key:
            self.fields["api_key"].help_text = "There is one; empty keeps it."

    def values(self) -> EndpointValues:
        """Return what was filled in, once it is valid."""
        given = self.cleaned_data
        return EndpointValues(**{**given, "api_key": given["api_key"] or None})


class FlatSelect(forms.Select):
    """Django's own select, for choices without groups, written without a template for each of its options: the team's
    page has ten a member."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return it as HTML."""
        told = self.get_context(name, value, attrs)["widget"]
        options = [
            f'<option value="{escape(str(each["value"]))}"{" selected" * each["selected"]}>{escape(str(each["label"]))}'
            "</option>"
            for _, group, _ in told["optgroups"]
            for each in group
        ]
        attributes = flatatt({"name": name, **told["attrs"]})
        return mark_safe(f"<select{attributes}>{''.join(options)}</select>")  # noqa: S308  # all of it was escaped


class MemberForm(forms.Form):
    """A member's role and team."""

    role = forms.ChoiceField(choices=Membership.Role.choices, widget=FlatSelect)
    team = forms.ChoiceField(choices=Membership.Team.choices, widget=FlatSelect)


class InvitationForm(MemberForm):
    """Whom to invite, as what."""

    email = forms.EmailField(label="E-mail")
    field_order = ("email", "role", "team")


def sentence(error: Exception) -> str:
    """Return an error's words as a sentence, for a person."""
    words = str(error)
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."
