"""What prompts are served from: labels, versions and live experiments of an organization, without the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Sum

from apps.experiments.domain.assignment import Assigned, Split, assign
from apps.experiments.models import Experiment, Phase
from apps.experiments.selectors.experiments import split_of
from apps.library.domain.prompts import LATEST
from apps.library.selectors import ServedPrompt, ServedVersion, serving_prompts, serving_state
from apps.organizations.serving import Pictures

DEFAULT_LABEL = "production"
# So many ended experiments still answer which variant they left behind.
_REMEMBERED = 1_000


@dataclass(frozen=True)
class Live:
    """A live experiment of a prompt, as fetches see it."""

    experiment: str
    label: str
    split: Split


@dataclass(frozen=True)
class Shelf:
    """What an organization serves. ``live`` by prompt name; ``ended`` says which variant and version an experiment
    left behind, by its id."""

    prompts: Mapping[str, ServedPrompt]
    live: Mapping[str, Live]
    ended: Mapping[str, tuple[str, int]]


@dataclass(frozen=True)
class Served:
    """What a fetch answers: the version, the labels that name it, and the assignment if an experiment made one."""

    prompt: ServedPrompt
    version: ServedVersion
    labels: tuple[str, ...]
    live: Live | None
    assigned: Assigned | None


def serve(
    shelf: Shelf, name: str, *, unit: str | None = None, label: str | None = None, version: int | None = None
) -> Served | None:
    """Return what to serve; None where the prompt, the label or the version is not there.

    A version asked for by number is that version. A unit gets its variant where an experiment runs on the label asked
    for (default ``production``); everybody else what the label names, or control's version where it names none.
    """
    prompt = shelf.prompts.get(name)
    if prompt is None:
        return None
    if version is not None:
        found = prompt.versions.get(version)
        return _answer(prompt, found) if found else None
    label = label or DEFAULT_LABEL
    live = shelf.live.get(name)
    if live is not None and live.label == label:
        assigned = assign(live.split, unit) if unit else None
        if assigned is not None:
            return _answer(prompt, prompt.versions[assigned.arm.version], live, assigned)
        return _answer(prompt, prompt.versions[prompt.labels.get(label, live.split.arms[0].version)])
    number = prompt.latest if label == LATEST else prompt.labels.get(label)
    return _answer(prompt, prompt.versions[number]) if number is not None else None


def _answer(
    prompt: ServedPrompt, version: ServedVersion, live: Live | None = None, assigned: Assigned | None = None
) -> Served:
    labels = [label for label, number in prompt.labels.items() if number == version.number]
    return Served(prompt, version, tuple(sorted(labels)), live, assigned)


def _live() -> dict[str, Live]:
    experiments = Experiment.objects.select_related("prompt").filter(state__in=Experiment.SERVING)
    phases: dict[int, Phase] = {}
    for phase in Phase.objects.filter(experiment__in=experiments).order_by("number"):
        phases[phase.experiment_id] = phase
    return {
        each.prompt.name: Live(each.public_id, each.label, split_of(each, phases[each.id]))
        for each in experiments
        if each.id in phases
    }


def _ended() -> dict[str, tuple[str, int]]:
    ended = Experiment.objects.exclude(state__in=[Experiment.State.DRAFT, *Experiment.LIVE]).order_by("-id")
    found = {}
    for each in ended.only("public_id", "state", "winner", "plan")[:_REMEMBERED]:
        control, *_ = variants = each.plan["variants"]
        won = each.state == Experiment.State.PROMOTED
        left = next((variant for variant in variants if won and variant["key"] == each.winner), control)
        found[each.public_id] = (left["key"], left["version"])
    return found


def _state() -> tuple[int | None, ...]:
    experiments = Experiment.objects.aggregate(n=Count("id"), revisions=Sum("revision"))
    return (*serving_state(), experiments["n"], experiments["revisions"])


pictures = Pictures(state=_state, read=lambda: Shelf(serving_prompts(), _live(), _ended()))
