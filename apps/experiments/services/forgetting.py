"""What experiments keep of a person, taken away: that a unit was exposed. Decided results are sums, and stay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from apps.experiments.domain.assignment import unit_digest
from apps.experiments.models import Exposure, Phase


def forget_exposures(assignments: Collection[str]) -> int:
    """Delete the exposures that these assignment ids stand for; return how many. Call inside tenant(...)."""
    units = defaultdict(set)
    for assignment in assignments:
        phase, _, rest = assignment.partition(".")
        units[phase].add(rest.partition(".")[2])
    phases = dict(Phase.objects.filter(public_id__in=units).values_list("public_id", "id"))
    return sum(
        Exposure.objects.filter(phase_id=phases[phase], unit__in=of).delete()[0]
        for phase, of in units.items()
        if phase in phases
    )


def forget_unit(unit: str) -> int:
    """Delete a unit's exposures in every phase, those included that no log echoed. Call inside tenant(...)."""
    return sum(
        Exposure.objects.filter(phase_id=phase_id, unit=unit_digest(public_id, unit)).delete()[0]
        for phase_id, public_id in Phase.objects.values_list("id", "public_id").iterator(chunk_size=1_000)
    )
