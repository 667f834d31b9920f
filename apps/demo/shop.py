"""The simulated shop as a customer of the product: its prompts, its configuration, and the bot's fetches.

It knows the product by its public API and the client anybody may copy; nothing here reads a table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Set
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from apps.demo.client import ApiError, Client
from apps.demo.features import read_features
from apps.demo.model import NAME as MODEL
from apps.demo.production import SimulatedConversation
from apps.demo.prompts import PromptName, ServedPrompt, prompt_additions, starting_prompts
from apps.demo.truth import World, truth_table
from clients.flywheel_client import Flywheel

# What begins an improvement, and which of them begin by themselves.
TRIGGERS = """\
    triggers:
      - successful_attacks > 0
      - escalation_rate > 20% or responses_under_20_chars > 5%
      - upsell_rate < 30%
"""
AUTO_FIX = """\
    auto_fix: [upsell_rate]
"""
CONFIGURATION = f"""\
schedule: "0 0 * * 1"
stages:
  insights: {{thresholds: {{security_risk_score: 7, quality_score: 6, security_incidents: 5}}}}
  improve:
{TRIGGERS}{AUTO_FIX}    cooldown: 14 days
  deploy: {{rollout_percentage: 50}}
  measure: {{metrics: [block_rate_improvement, quality_score_delta, revenue_impact, business_outcomes]}}
"""
_JSON = {"Content-Type": "application/json"}


class Effect(msgspec.Struct):
    """What an experiment really does to those it enrolled: sums over their conversations of both possible outcomes."""

    prompt: PromptName
    metric: str
    conversations: int = 0
    control: int = 0
    treatment: int = 0

    @property
    def difference(self) -> float | None:
        """Treatment − control over the same conversations; None before there are any."""
        return (self.treatment - self.control) / self.conversations if self.conversations else None


class Shop:
    """The shop's side of the API. ``world`` says what better prompts really do."""

    def __init__(self, client: Client, *, application: str, world: World, echoes: bool = True) -> None:
        self.client, self.application, self._world, self._echoes = client, application, world, echoes
        self._bot = Flywheel(client.url, client.key, application=application, local=True, timeout=30.0)
        self._served: dict[PromptName, ServedPrompt] = {}
        self._texts: dict[tuple[PromptName, int], str] = {}
        # experiment → what it really does
        self.effects: dict[str, Effect] = {}
        self._phases: dict[str, tuple[str, str, str]] = {}

    def open(self, at: datetime, *, configuration: str = CONFIGURATION, model_url: str = "") -> None:
        """Tell the product what any customer would: plans, the prompts the bot has today, how the wheel is to turn.

        ``configuration`` is its flywheel-config.yaml; an empty one is not sent.
        """
        self.move_clock(at)
        starting, plans = starting_prompts(), truth_table().plans
        profile = {
            "system_prompt": starting["support"],
            "plans": [{"name": name, "monthly_price": f"{price:.2f}"} for name, price in plans.items()],
        }
        self.put(f"applications/{self.application}/profile", profile)
        for name, tags in (("support", []), ("offer", ["offers"])):
            text = starting[name]  # type: ignore[index]
            self.post("prompts", {"name": name, "prompt": text, "tags": tags, "labels": ["production"]})
        if model_url:
            self._offer_model(model_url)
        if configuration:
            path = f"/api/v1/cycles/config?application={self.application}"
            self.client.call("PUT", path, configuration.encode(), {"Content-Type": "application/yaml"})

    def close(self) -> None:
        """End the bot's client."""
        self._bot.close()

    def _offer_model(self, url: str) -> None:
        """Let the product ask the bot's model. One that was started without allowing this address says no: 422."""
        try:
            self.put(f"models/probes?application={self.application}", {"base_url": url, "model": MODEL})
        except ApiError as error:
            if error.status != 422:
                raise

    # What the bot is served

    def look_up(self, *, running: Collection[str] = (), ended: Collection[str] = ()) -> None:
        """Fetch today's rules: experiments that run now, and the versions they serve.

        A change is served within a second; a day begins when the rules know what is ``running`` and what has ``ended``.
        Raises TimeoutError.
        """
        rules: dict[str, Any] = self.until(partial(self._rules, set(running), set(ended)), "today's rules")
        self._texts = {
            (name, int(number)): version["prompt"]
            for name, prompt in rules.get("prompts", {}).items()
            for number, version in prompt["versions"].items()
        }
        for rule in rules.get("experiments", []):
            control, *others = (self._texts[rule["prompt"], arm["version"]] for arm in rule["arms"])
            self._phases[rule["phase"]] = (rule["experiment"], control, others[-1])
            if rule["experiment"] not in self.effects:
                metric = "upsell" if rule["prompt"] == "offer" else "escalation"
                self.effects[rule["experiment"]] = Effect(rule["prompt"], metric)

    def _rules(self, running: Set[str], ended: Set[str]) -> dict[str, Any] | None:
        self._bot.refresh()
        rules = self._bot.rules
        known = {rule["experiment"] for rule in rules["experiments"]} if rules else set()
        return rules if running <= known and not ended & known else None

    def serve(self, unit: str, name: PromptName) -> ServedPrompt:
        """Return the prompt the bot is served for a user, as the product's rules say."""
        prompt = self._bot.get_prompt(name, unit, fallback=starting_prompts()[name])
        served = ServedPrompt(str(prompt.content), prompt.version, prompt.variant, prompt.assignment_id)
        self._served[name] = served
        # Without its echo the product cannot know which conversation was served what.
        return served if self._echoes else ServedPrompt(served.text)

    def guard(self, text: str) -> str | None:
        """Return what a user hears whose message the guardrails in force block; None where it reaches the bot."""
        checked = self._bot.check(text)
        return checked.reply if checked.action == "block" else None

    def remember(self, simulated: SimulatedConversation) -> None:
        """Add a conversation to the truth of the experiments it was part of: what each arm would have made of it."""
        for name, served in self._served.items():
            if served.assignment_id is None or (name == "offer" and not simulated.truth.eligible):
                continue
            experiment, *texts = self._phases[served.assignment_id.partition(".")[0]]
            effect = self.effects[experiment]
            control, treatment = (self._outcome(simulated, effect.metric, text) for text in texts)
            effect.conversations += 1
            effect.control += control
            effect.treatment += treatment
        self._served.clear()

    def _outcome(self, simulated: SimulatedConversation, metric: str, text: str) -> bool:
        truth = simulated.truth
        if metric == "escalation" and truth.is_attack:
            return truth.escalated
        draw = truth.draws.upsell if metric == "upsell" else truth.draws.escalation
        return draw < truth_table().probability(metric, self._world, read_features(text))

    # What its people do

    def try_out(self, prompt: PromptName, feature: str, **plan: Any) -> dict[str, Any]:
        """Have a colleague type an addition into what is in production, and try it on half of the users."""
        standing = self.get(f"prompts/{prompt}")
        text = f"{standing['prompt']} {prompt_additions()[feature]}"
        version = self.post(f"prompts/{prompt}/versions", {"prompt": text, "note": feature.replace("_", " ")})
        body = {
            "name": feature.replace("_", "-"), "prompt": prompt,
            "variants": [
                {"key": "control", "version": standing["version"]}, {"key": "treatment", "version": version["version"]},
            ],
        } | plan  # fmt: skip
        made = self.post("experiments", body)
        started: dict[str, Any] = self.post(f"experiments/{made['id']}/start", {})
        return started

    def move_clock(self, to: datetime) -> None:
        """Let time pass in the sandbox."""
        self.post("sandbox/clock", {"at": to.isoformat()})

    def get(self, path: str) -> Any:
        """Read from the API."""
        return self.client.call("GET", f"/api/v1/{path}")

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Write to the API."""
        return self.client.call("POST", f"/api/v1/{path}", json.dumps(body).encode(), _JSON)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Put to the API."""
        return self.client.call("PUT", f"/api/v1/{path}", json.dumps(body).encode(), _JSON)

    def until(self, found: Callable[[], Any], what: str, *, seconds: float = 120.0) -> Any:
        """Ask again until there is something; return it. Raises TimeoutError naming what was waited for."""
        waited = 0.0
        while not (answer := found()):
            if waited > seconds:
                raise TimeoutError(f"{what} did not come in {seconds:.0f} s")
            self.client.pause(0.25)
            waited += 0.25
        return answer
