"""What a metric's change is worth, and what has to be known for that: which assumptions there are, and their units.

No amount of money has a default here: where nobody has said what an escalation costs, the line says so and is in no
total. Only what the method itself proposes (how much of saved time is cash, how fast an effect fades) has one, named a
guess for as long as nobody says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from apps.reports.domain.roi.model import WHOLE, CostKind, Each, Grade, Source, Term

TEAMS = ("security", "product", "business", "engineering")


@dataclass(frozen=True)
class Worth:
    """How a metric's change becomes money: change × ``scale`` × volume × ``value`` × ``realisation``.

    ``team`` is whose result it is. ``grade`` None: that of the evidence. ``churn``: the assumption that makes it
    recur, where somebody made it.
    """

    team: str
    label: str
    value: Term
    realisation: Term = WHOLE
    scale: Decimal = WHOLE
    grade: Grade | None = None
    churn: str | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The assumptions without which there is no amount."""
        return tuple(term for term in (self.value, self.realisation) if isinstance(term, str))


_AVOIDED_LOSS = {"value": "incident_loss", "realisation": "incident_per_leak", "grade": Grade.ESTIMATE}
WORTH: Mapping[str, Worth] = MappingProxyType(
    {
        "escalation_rate": Worth("product", "Escalations avoided", "escalation_cost", "time_realised"),
        "resolution_time": Worth(
            "product", "Sooner resolved", "resolution_hour", "time_realised", scale=Decimal(1) / Decimal(3600)
        ),
        "upsell_rate": Worth(
            "business", "Upsells confirmed", "upsell_value", "contribution_margin", churn="upsell_churn"
        ),
        "churn_rate": Worth("business", "Customers kept", "customer_value", "contribution_margin"),
        "enterprise_leads": Worth("business", "Enterprise leads", "lead_value", "contribution_margin"),
        "business_value": Worth("business", "Value of a conversation", WHOLE, "contribution_margin"),
        "cost_per_conversation": Worth("engineering", "Cheaper replies", WHOLE),
        "reply_time_p50": Worth("engineering", "Faster replies", "value_of_reply_time_p50"),
        "reply_time_p95": Worth("engineering", "Faster slow replies", "value_of_reply_time_p95"),
        "tokens_per_conversation": Worth("engineering", "Fewer tokens", "value_of_tokens_per_conversation"),
        "block_rate": Worth("security", "Attacks kept from succeeding", **_AVOIDED_LOSS),  # type: ignore[arg-type]
        "security_incident_rate": Worth(
            "security", "Fewer attacks", scale=Decimal(1) / Decimal(10_000), **_AVOIDED_LOSS  # type: ignore[arg-type]
        ),
    }
)  # fmt: skip


def worth_of(metric: str) -> Worth:
    """Return how a metric is valued; one without a rule of its own by an assumption that bears its name."""
    found = WORTH.get(metric)
    return found or Worth("product", metric.replace("_", " ").capitalize(), f"value_of_{metric}")


@dataclass(frozen=True)
class Known:
    """An assumption the product knows by name. ``unit``: with ``money`` in it where it is an amount."""

    key: str
    unit: str
    words: str
    default: tuple[str, str, str] | None = None


KNOWN: Mapping[str, Known] = MappingProxyType(
    {
        each.key: each
        for each in (
            Known("hourly_rate", "money an hour", "What an hour of the people who work on this costs"),
            Known("setup_hours", "hours", "Hours spent once, to set it up"),
            Known("weekly_hours", "hours a week", "Hours a week spent on watching and acting"),
            Known("licence", "money a month", "Licences and hosting"),
            Known("review_hours", "hours a month", "Hours a month in which people review what is proposed"),
            Known("judge_cost", "money a month", "What this product's own model calls cost"),
            Known("resolution_hour", "money an hour", "What an hour until a conversation is resolved costs"),
            Known("escalation_cost", "money each", "What a conversation handed over to a person costs"),
            Known("upsell_value", "money each", "What a confirmed upsell brings; measured unless it is said here"),
            Known("upsell_churn", "share a month", "Share of sold upsells that end each month; said, upsells recur"),
            Known("customer_value", "money each", "What keeping a customer is worth"),
            Known("lead_value", "money each", "What an enterprise lead brings, those that come to nothing counted in"),
            Known("contribution_margin", "share", "How much of revenue is left after what it costs to serve it"),
            Known("attribution", "share", "How much of what was measured is due to this work", ("1", "1", "1")),
            Known("time_realised", "share", "How much of saved time is cash", ("0.3", "0.5", "0.7")),
            Known("effect_decay", "share a month", "How much of an effect fades each month", ("0.01", "0.03", "0.06")),
            Known("incident_per_leak", "share", "How often a successful attack becomes an incident that costs"),
            Known("incident_loss", "money each", "What such an incident costs"),
        )
    }
)


def unit_of(key: str, unit: str) -> str:
    """Return the unit the product reads an assumption in; ``unit`` is what was said of one it does not know."""
    known = KNOWN.get(key)
    if known is not None:
        return known.unit
    return "money each" if key.startswith("value_of_") else unit


def words_of(key: str) -> str:
    """Return what an assumption is about, as the end of a sentence."""
    known = KNOWN.get(key)
    if known is not None:
        return known.words[0].lower() + known.words[1:]
    return f"what one of {key.removeprefix('value_of_').replace('_', ' ')} is worth"


SHARES = frozenset(key for key, known in KNOWN.items() if known.unit.startswith("share"))


@dataclass(frozen=True)
class Spending:
    """A cost that assumptions alone tell: quantity × price, so often."""

    key: str
    label: str
    kind: CostKind
    quantity: Term
    price: Term
    each: Each

    @property
    def needs(self) -> tuple[str, ...]:
        """The assumptions it is made of."""
        return tuple(term for term in (self.quantity, self.price) if isinstance(term, str))


SPENDINGS: tuple[Spending, ...] = (
    Spending("setup_hours", "Set-up", CostKind.LABOUR, "setup_hours", "hourly_rate", Each.ONCE),
    Spending("weekly_hours", "Watching and acting", CostKind.LABOUR, "weekly_hours", "hourly_rate", Each.WEEK),
    Spending("review_hours", "Review by people", CostKind.REVIEW, "review_hours", "hourly_rate", Each.MONTH),
    Spending("licence", "Licences and hosting", CostKind.LICENCE, WHOLE, "licence", Each.MONTH),
    Spending("judge_cost", "This product's model calls", CostKind.JUDGE, WHOLE, "judge_cost", Each.MONTH),
)

# Rare, so that reading them of every change would drown it in noise: they are read where somebody has said what one
# is worth, and said to be uncounted where nobody has.
READ_WHERE_SAID: Mapping[str, str] = MappingProxyType(
    {"churn_rate": "customer_value", "enterprise_leads": "lead_value"}
)

DEFAULT_OWNER = "the method's default"
DEFAULT_SOURCE = Source.GUESS
