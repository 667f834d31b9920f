"""What versions of prompts did where they were tried: read from decided experiments. Call inside tenant(...)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.experiments.models import Experiment
from apps.library.models import LibraryEntry

# Of so many decided experiments on the prompts in question, the newest.
_MOST = 500


@dataclass(frozen=True)
class Effect:
    """One decided experiment's result for a version: treatment − control, frozen at the decision."""

    experiment: str
    prompt: str
    version: int
    state: str
    metric: str
    difference: float | None
    interval: tuple[float, float] | None
    units: int


def effects_of(entries: Sequence[LibraryEntry]) -> dict[int, list[Effect]]:
    """Return, by entry id, what each did: at its origin and wherever it was adopted; one query.

    Good, bad and undecided results alike, newest first. Entries come with versions and adoptions (see list_entries).
    """
    tried: dict[tuple[int, int], list[int]] = {}
    for entry in entries:
        for version in {entry.version, *(each.version for each in entry.adoptions.all())}:
            tried.setdefault((version.prompt_id, version.number), []).append(entry.id)
    found: dict[int, list[Effect]] = {entry.id: [] for entry in entries}
    rows = Experiment.objects.select_related("prompt").filter(
        prompt_id__in={prompt_id for prompt_id, _ in tried}, results__isnull=False, ended_at__isnull=False
    )
    for experiment in rows.order_by("-id")[:_MOST]:
        for effect in _effects(experiment):
            for entry_id in tried.get((experiment.prompt_id, effect.version), ()):
                found[entry_id].append(effect)
    return found


def _effects(experiment: Experiment) -> list[Effect]:
    results = experiment.results or {}
    if not results.get("metric"):
        return []
    versions = {each["key"]: each["version"] for each in experiment.plan["variants"]}
    units = sum(arm["units"] for arm in results["variants"])
    return [
        Effect(
            experiment=experiment.public_id,
            prompt=experiment.prompt.name,
            version=versions[each["variant"]],
            state=experiment.state,
            metric=results["metric"],
            difference=each["difference"],
            interval=tuple(each["interval"]) if each["interval"] else None,
            units=units,
        )
        for each in results["comparisons"]
        if each["variant"] in versions
    ]
