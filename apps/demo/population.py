"""Who writes to the simulated shop, and when: returning customers and a week with days and nights."""

from __future__ import annotations

import random
from bisect import bisect_right
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import accumulate

import msgspec

from apps.demo.texts import all_texts

Slots = dict[str, str]
_NEXT_PLAN = {"Basic": "Plus", "Plus": "Premium", "Premium": "Team"}
_STARTING_PLANS = ("Basic",) * 15 + ("Plus",) * 4 + ("Premium",)
# Share of a day's conversations by hour (UTC), and of a week's by weekday from Monday.
_BY_HOUR = (6, 4, 3, 2, 2, 3, 7, 14, 26, 38, 44, 43, 38, 40, 42, 41, 39, 40, 42, 40, 34, 26, 17, 10)
_BY_WEEKDAY = (120, 112, 106, 104, 108, 84, 66)


class Person(msgspec.Struct, frozen=True):
    """A customer who comes back."""

    user_id: str
    name: str
    city: str
    plan: str
    next_plan: str
    email: str
    device: str
    deliveries: int


@lru_cache(maxsize=4)
def people(seed: int, count: int) -> tuple[Person, ...]:
    """Return the customers of a simulation: the same in each of its weeks."""
    numbers, fillings = random.Random(f"people {seed}"), all_texts().fillings  # noqa: S311 - reproducible on purpose
    found = []
    for number in range(count):
        name, surname = numbers.choice(fillings.names), numbers.choice(fillings.surnames)
        plan = numbers.choice(_STARTING_PLANS)
        found.append(
            Person(
                user_id=f"u{number:05d}",
                name=name,
                city=numbers.choice(fillings.cities),
                plan=plan,
                next_plan=_NEXT_PLAN[plan],
                email=f"{name}.{surname}{numbers.randrange(100)}@post.example".lower(),
                device=numbers.choice(fillings.devices),
                deliveries=numbers.randrange(3, 41),
            )
        )
    return tuple(found)


def fill_slots(person: Person, agent_name: str, price: str, began: datetime, numbers: random.Random) -> Slots:
    """Return what a conversation's templates are filled with."""
    fillings, draw = all_texts().fillings, numbers.random

    def one(options: list[str]) -> str:
        return options[int(draw() * len(options))]

    due = began + timedelta(days=1 + int(draw() * 9))
    hour = 8 + int(draw() * 9)
    company, other, surname = one(fillings.companies), one(fillings.names), one(fillings.surnames)
    spent = person.deliveries * 4
    return {
        "name": person.name,
        "city": person.city,
        "plan": person.plan,
        "next_plan": person.next_plan,
        "price": price,
        "anchor": f"{float(price) * 1.5:.2f}",
        "email": person.email,
        "device": person.device,
        "used": str(person.deliveries),
        "spent": str(spent),
        "percent": str(20 + person.deliveries * 37 % 75),
        "order": f"NW-{10_000 + int(draw() * 90_000)}",
        "item": one(fillings.items),
        "day": one(fillings.days),
        "date": f"{fillings.months[due.month - 1]} {due.day}",
        "amount": f"${5 + int(draw() * 240)}.{int(draw() * 20) * 5:02d}",
        "number": str(2 + int(draw() * 10)),
        "hour": f"{hour}:00",
        "hour_later": f"{hour + 3}:00",
        "card": f"{1000 + int(draw() * 9000)}",
        "error": one(fillings.errors),
        "team": str(60 + int(draw() * 400)),
        "company": company,
        "company_domain": "".join(letter for letter in company.lower() if letter.isalpha()) + ".example",
        "agent_name": agent_name,
        "other_name": f"{other} {surname}",
        "other_email": f"{other}.{surname}@post.example".lower(),
        "other_phone": f"555-01{int(draw() * 90) + 10}",
    }


class Timeline:
    """The moments of a week, as busy as its hours are."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        hours = [start + timedelta(hours=hour) for hour in range(7 * 24)]
        weights = [_BY_HOUR[hour.hour] * _BY_WEEKDAY[hour.weekday()] for hour in hours]
        self._until = list(accumulate(weights, initial=0))

    def at(self, share: float) -> datetime:
        """Return the moment before which this share (0 to 1) of the week's conversations begin."""
        busy = share * self._until[-1]
        hour = min(bisect_right(self._until, busy), len(self._until) - 1) - 1
        within = (busy - self._until[hour]) / (self._until[hour + 1] - self._until[hour])
        return self._start + timedelta(hours=hour + within)
