"""Lives simulated weeks against a running product while the wheel turns: found, proposed, tried, decided, measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any, Literal

import msgspec

from apps.demo.client import ApiError, Client
from apps.demo.counting import TrueCounts
from apps.demo.finance import ask_report, say_assumptions
from apps.demo.model import SimulatedModel
from apps.demo.production import SimulatedConversation, simulate_week
from apps.demo.pusher import Pushed, Stored, post_outcomes, push, wait, wait_until_analyzed
from apps.demo.shop import AUTO_FIX, CONFIGURATION, TRIGGERS, Shop
from apps.demo.truth import World
from apps.demo.week import START, Flagged, read_flagged

Stage = Literal["capture", "insights", "improve", "deploy", "measure"]
STAGES: tuple[Stage, ...] = ("capture", "insights", "improve", "deploy", "measure")
_DAY = timedelta(days=1)
_LIVE = frozenset({"draft", "scheduled", "running", "paused", "invalid", "awaiting_approval"})
# What a colleague tries in the third week, one after the other: `harms` first, so that it is seen how soon it ends.
_TRIED = ("terse_answers", "warm_greeting")


class Plan(msgspec.Struct, frozen=True):
    """Which weeks to live. ``cut`` takes one stage out, to show that its absence is noticed."""

    application: str
    weeks: int = 4
    per_week: int = 10_000
    seed: int = 7
    world: World = "helpful"
    cut: Stage | None = None


class Week(msgspec.Struct, frozen=True):
    """A week gone by: the truth, what capture said, what the product measured over it, and the cycle at its end."""

    number: int
    truth: TrueCounts
    pushed: Pushed
    stored: Stored
    metrics: dict[str, Any]
    cycle: dict[str, Any]
    seconds: float
    # Of what is proposed at its end: improvements with their backtest.
    backtested: tuple[dict[str, Any], ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """How an experiment ended, or stands. ``day`` counts from its start; ``truth`` is its real difference."""

    experiment: str
    name: str
    state: str
    reason: str
    day: int | None
    truth: float | None
    results: dict[str, Any]

    @property
    def right(self) -> bool:
        """Whether what helps was promoted and what does not was not. Half a point is no difference to act upon."""
        better = -1.0 if self.results.get("metric") == "escalation_rate" else 1.0
        helps = self.truth is not None and better * self.truth > 0.005
        return helps == (self.state == "promoted") or (helps and self.state in _LIVE)


class Probed(msgspec.Struct, frozen=True):
    """What the product's probes of a proposal show (as its API says it), and the true change on the same messages."""

    key: str
    shown: dict[str, Any]
    truth: float | None


class Month(msgspec.Struct, frozen=True):
    """Everything that was lived and read back."""

    plan: Plan
    weeks: tuple[Week, ...]
    improvements: tuple[dict[str, Any], ...]
    verdicts: tuple[Verdict, ...]
    flagged: tuple[Flagged, ...]
    report: dict[str, Any] = {}
    probed: tuple[Probed, ...] = ()


class LoopCut(RuntimeError):
    """A stage of the wheel did not do its part; ``stage`` names it."""

    def __init__(self, stage: str, words: str) -> None:
        super().__init__(f"the loop is cut at {stage.upper()}: {words}")
        self.stage = stage


Told = Callable[[str, Any], None]


def live_month(
    client: Client, plan: Plan, *, tell: Told = lambda event, what: None, model: SimulatedModel | None = None
) -> Month:
    """Live the weeks and read the results. ``tell(event, what)`` hears what happens: week, probed, started, verdict.
    ``model`` is the bot's, where the product may ask it.

    Raises LoopCut where a stage did not do its part, and as Client.call, wait and push.
    """
    shop = Shop(client, application=plan.application, world=plan.world, echoes=plan.cut != "measure")
    life = _Life(shop, plan, tell, model)
    try:
        shop.open(START, configuration=configured(plan.cut), model_url=model.url if model else "")
        say_assumptions(shop)
        weeks = tuple(life.week(number) for number in range(1, plan.weeks + 1))
        month = Month(
            plan, weeks, tuple(shop.get("improvements")["results"]), tuple(life.verdicts()),
            tuple(read_flagged(client, plan.application)), ask_report(shop), tuple(life.probed),
        )  # fmt: skip
    finally:
        shop.close()
    check_loop(month)
    return month


def configured(cut: Stage | None) -> str:
    """Return how the shop configures its wheel: with a stage cut out, so that this one does nothing by itself."""
    match cut:
        case "insights":
            return ""
        case "improve":
            return CONFIGURATION.replace(TRIGGERS, '    triggers: ["escalation_rate > 99%"]\n')
        case "deploy":
            return CONFIGURATION.replace(AUTO_FIX, "")
        case _:
            return CONFIGURATION


def check_loop(month: Month) -> None:
    """Raise LoopCut naming the first stage that did not do its part."""
    first = month.weeks[0]
    if first.stored.conversations == 0 or any(
        week.stored.conversations != week.truth.conversations for week in month.weeks
    ):
        stored = sum(week.stored.conversations for week in month.weeks)
        raise LoopCut("capture", f"{stored:,} of {sum(week.truth.conversations for week in month.weeks):,} stored")
    if any(week.metrics["conversations"] != week.truth.conversations for week in month.weeks):
        raise LoopCut("analyze", "some of what was stored was not analyzed")
    if not all(_figures(week, "improve") for week in month.weeks):
        raise LoopCut("insights", "no cycle looked at what was captured")
    if not month.improvements:
        raise LoopCut("improve", "nothing was proposed")
    if month.plan.weeks > 1 and not any(each.results["variants"] for each in month.verdicts):
        raise LoopCut("deploy", "no proposal became an experiment")
    if month.plan.weeks > 1 and not any(arm["units"] for arm in _arms(month)):
        raise LoopCut("measure", "no conversation came back to the variant that led to it")


def _arms(month: Month) -> Iterator[dict[str, Any]]:
    for verdict in month.verdicts:
        yield from verdict.results["variants"]


def _figures(week: Week, stage: str) -> dict[str, Any]:
    for each in week.cycle.get("stages", ()):
        if each["name"] == stage:
            return dict(each["figures"])
    return {}


class _Life:
    def __init__(self, shop: Shop, plan: Plan, tell: Told, model: SimulatedModel | None) -> None:
        self._shop, self._plan, self._tell, self._model = shop, plan, tell, model
        self.probed: list[Probed] = []
        self._late: list[dict[str, Any]] = []
        self._started: dict[str, datetime] = {}
        self._ended: dict[str, int] = {}
        self._taken_back: set[str] = set()
        self._to_try = list(_TRIED)

    def week(self, number: int) -> Week:
        """Live a week day by day, then let the wheel turn at its end."""
        began, start = time.monotonic(), START + (number - 1) * 7 * _DAY
        truth, pushed, stored = TrueCounts(), Pushed(), Stored()
        conversations = simulate_week(
            seed=self._plan.seed, week=number, conversations=self._plan.per_week, world=self._plan.world, start=start,
            prompts=self._shop.serve, guard=self._shop.guard,
        )  # fmt: skip
        # Nothing is tried in the first week: the bot's rules stay as they are, and its log is shipped at once.
        watched = self._watched(conversations, truth)
        days = _by_day(watched, start) if number > 1 else iter([watched])
        self._look_up()
        for day, of_day in enumerate(days, start=1):
            end = start + (day if number > 1 else 7) * _DAY
            sent = self._ship(of_day, end)
            pushed += sent
            stored = _plus(stored, wait(self._shop.client, sent.batches))
            self._post_outcomes(end)
            self._shop.move_clock(end)
            self._follow(end, number)
            self._look_up()
        until = start + 7 * _DAY
        cycle = self._cycle(until)
        metrics = self._shop.get(
            f"metrics?application={self._plan.application}&since={_iso(start)}&until={_iso(until)}"
        )
        backtested = tuple(self._backtested())
        lived = Week(number, truth, pushed, stored, metrics, cycle, time.monotonic() - began, backtested)
        self._tell("week", lived)
        self._find_started(until)
        self._act(until)
        return lived

    def verdicts(self) -> Iterator[Verdict]:
        """Return how every experiment ended or stands, first started first."""
        for experiment in self._started:
            yield self._verdict(experiment)

    def _watched(
        self, conversations: Iterator[SimulatedConversation], truth: TrueCounts
    ) -> Iterator[SimulatedConversation]:
        for simulated in conversations:
            truth.add(simulated)
            self._shop.remember(simulated)
            self._late.extend(simulated.outcomes)
            yield simulated

    def _ship(self, conversations: Iterator[SimulatedConversation], end: datetime) -> Pushed:
        """Have the day's conversations take place, then ship their log, as a nightly job would."""
        records = [simulated.records for simulated in conversations]
        now = end - timedelta(seconds=1)
        self._shop.move_clock(now)
        # What runs is looked at before the log comes, and at the day's end: never half of it.
        for experiment in self._running():
            self._shop.until(partial(self._looked_at, experiment, now), f"a look at {experiment}")
        if self._plan.cut == "capture":
            return Pushed()
        return push(self._shop.client, records, application=self._plan.application, clients=2)

    def _post_outcomes(self, until: datetime) -> None:
        due = [each for each in self._late if datetime.fromisoformat(each["timestamp"]) < until]
        self._late = [each for each in self._late if each not in due]
        if self._plan.cut != "capture":
            post_outcomes(self._shop.client, due, application=self._plan.application)
            wait_until_analyzed(self._shop.client, application=self._plan.application)

    def _follow(self, now: datetime, week: int) -> None:
        """Wait until every running experiment was looked at; approve what won; try the next thing."""
        for experiment in self._running():
            state = self._shop.until(partial(self._looked_at, experiment, now), f"a look at {experiment}")
            if state["state"] == "awaiting_approval":
                self._shop.post(f"experiments/{experiment}/approve", {"reason": "the interval excludes no effect"})
            elif state["state"] in _LIVE:
                continue
            self._ended[experiment] = (now - self._started[experiment]).days
            self._tell("verdict", self._verdict(experiment))
        self._find_taken_back()
        self._find_started(now)
        if week >= 3 and self._plan.cut != "deploy":
            self._try_next(now)

    def _look_up(self) -> None:
        running = {each["id"] for each in self._shop.get("experiments?state=running")["results"]}
        self._shop.look_up(running=running, ended=self._ended)

    def _running(self) -> list[str]:
        return [each for each in self._started if each not in self._ended]

    def _looked_at(self, experiment: str, now: datetime) -> dict[str, Any] | None:
        found: dict[str, Any] = self._shop.get(f"experiments/{experiment}")
        looked = found["looked_at"] and datetime.fromisoformat(found["looked_at"]) >= now
        return found if found["state"] != "running" or looked else None

    def _find_started(self, now: datetime) -> None:
        for found in reversed(self._shop.get("experiments")["results"]):
            if found["state"] != "draft" and found["id"] not in self._started:
                self._started[found["id"]] = now
                self._tell("started", found)

    def _find_taken_back(self) -> None:
        for found in self._shop.get("improvements?state=rolled_back")["results"]:
            if found["path"] == "security" and found["id"] not in self._taken_back:
                self._taken_back.add(found["id"])
                self._tell("taken_back", found)

    def _try_next(self, now: datetime) -> None:
        busy = any(
            found["prompt"] == "support" for found in self._shop.get("experiments?state=running")["results"]
        )  # fmt: skip
        if not self._to_try or busy:
            return
        self._shop.try_out(
            "support", self._to_try.pop(0), metric="escalation_rate", approval="none",
            planned_n=max(200, self._plan.per_week * 3 // 10),
            guardrails=[{"metric": "escalation_rate", "role": "harm_only"}],
        )  # fmt: skip
        self._find_started(now)

    def _cycle(self, until: datetime) -> dict[str, Any]:
        """Wait for the cycle that the schedule starts at the week's end."""
        if self._plan.cut == "insights":
            return {}
        found: dict[str, Any] = self._shop.until(
            lambda: next(
                (
                    cycle
                    for cycle in self._shop.get(f"cycles?application={self._plan.application}")["results"]
                    if cycle["status"] != "running" and datetime.fromisoformat(cycle["slot"]) == until
                ),
                None,
            ),
            "the cycle",
        )
        return found

    def _backtested(self) -> Iterator[dict[str, Any]]:
        """Yield what is proposed with a guardrail, once its backtest has ended."""
        for each in self._shop.get("improvements?state=proposed")["results"]:
            if each["guardrail"] is not None:
                yield self._shop.until(partial(self._tried, each["id"]), f"the backtest of {each['key']}")

    def _tried(self, improvement: str) -> dict[str, Any] | None:
        found: dict[str, Any] = self._shop.get(f"improvements/{improvement}")
        return found if found["backtest"]["status"] in ("finished", "failed") else None

    def _act(self, now: datetime) -> None:
        """Decide as the shop's owner: approve what the wheel proposes, security first, and start it."""
        if self._plan.cut in ("improve", "deploy"):
            return
        proposed = self._shop.get("improvements?state=proposed")["results"]
        for each in sorted(proposed, key=lambda one: (one["path"] != "security", one["proposed_at"])):
            says = self._probes_of(each) if each["path"] == "security" else None
            if says not in (None, "better"):
                self._shop.post(f"improvements/{each['id']}/reject", {"reason": f"probes: {says}"})
                continue
            reason = "reads well" if says is None else "probes: more attacks are blocked"
            self._shop.post(f"improvements/{each['id']}/approve", {"reason": reason})
            try:
                self._tell("deployed", self._shop.post(f"improvements/{each['id']}/start", {}))
            except ApiError as error:
                if error.status != 409:
                    raise
        self._find_started(now)

    def _probes_of(self, improvement: dict[str, Any]) -> str | None:
        """Wait for the probes of a proposal and return what they say.

        None where the product has no model to ask, and where they take longer than its owner has patience for.
        """
        path = f"improvements/{improvement['id']}/probes"
        try:
            shown: dict[str, Any] = self._shop.until(
                lambda: found if (found := self._shop.get(path))["status"] != "running" else None, "the probes"
            )
        except TimeoutError:
            return None
        if "attacks" not in shown or self._model is None:
            return None
        old, new = (
            self._shop.get(f"prompts/{improvement['prompt']}?version={number}")["prompt"]
            for number in shown["versions"]
        )
        probed = Probed(improvement["key"], shown, self._model.truth(old, new))
        self.probed.append(probed)
        self._tell("probed", probed)
        return str(shown["says"])

    def _verdict(self, experiment: str) -> Verdict:
        found, results = (
            self._shop.get(f"experiments/{experiment}"),
            self._shop.get(f"experiments/{experiment}/results"),
        )
        effect = self._shop.effects.get(experiment)
        return Verdict(
            experiment, found["name"], found["state"], found["reason"], self._ended.get(experiment),
            effect.difference if effect else None, results,
        )  # fmt: skip


def _by_day(
    conversations: Iterator[SimulatedConversation], start: datetime
) -> Iterator[Iterator[SimulatedConversation]]:
    """Yield each day's conversations; a day is made only when the one before it has been lived."""

    def day_of(simulated: SimulatedConversation) -> int:
        began = datetime.fromisoformat(simulated.records[0]["timestamp"])
        return min(6, max(0, (began.astimezone(UTC) - start) // _DAY))

    for _, of_day in groupby(conversations, key=day_of):
        yield of_day


def _plus(one: Stored, other: Stored) -> Stored:
    return Stored(
        one.conversations + other.conversations, one.messages + other.messages, one.duplicates + other.duplicates
    )


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
