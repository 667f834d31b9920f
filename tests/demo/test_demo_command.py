"""`flywheel demo` against the running product: what it prints is what the API answers and the rows add up to."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.demo.client import Client
from apps.demo.counting import TrueCounts
from apps.demo.production import simulate_week
from apps.evaluations.domain.intervals import wilson
from tests.product import Product, flywheel

pytestmark = pytest.mark.services
SIZE, SEED = 600, 3


@pytest.fixture(scope="module")
def product(shared_product: Product) -> Product:
    """One product for the whole file: each demo makes an organization of its own in it."""
    return shared_product


def demo(product: Product, *arguments: str) -> str:
    done = flywheel(
        "demo", "--weeks", "1", "--per-week", str(SIZE), "--no-serve", "--data-dir", str(product.data_dir), *arguments
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def summary(product: Product) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(demo(product, "--format", "json", "--prompts", "improved", "--world", "harmful"))
    return found


@pytest.fixture(scope="module")
def told(product: Product, summary: dict[str, Any]) -> str:
    # The later demo gives the same people new passwords.
    return demo(product, "--seed", str(SEED))


def count_truth() -> TrueCounts:
    counts = TrueCounts()
    for simulated in simulate_week(seed=SEED, conversations=SIZE, start=datetime(2026, 11, 2, tzinfo=UTC)):
        counts.add(simulated)
    return counts


def rows(client: Client) -> Iterator[dict[str, Any]]:
    path = "/api/v1/conversations"
    while path:
        page = client.call("GET", path)
        yield from page["results"]
        path = page["next"].removeprefix(client.url) if page["next"] else ""


def counted(client: Client) -> dict[str, int]:
    """The counts behind the metrics, from the conversations themselves."""
    found: Counter[str] = Counter()
    for row in rows(client):
        found["conversations"] += 1
        found["escalated"] += row["quality"]["escalation"]["done"]
        found["short"] += "responses_under_20_chars" in row["quality"]["patterns"]
        found["offered"] += row["business"]["upsell"] != "none"
        found["confirmed"] += row["business"]["upsell"] == "confirmed"
        for incident in row["security"]["incidents"]:
            found[incident["outcome"]] += incident["type"] not in {
                "system_prompt_leak", "pii_exposure", "credential_exposure",
            }  # fmt: skip
    return dict(found)


def figures(text: str) -> list[str]:
    """Every figure a reader would take for a result: not the durations, nor what belongs to a name."""
    results = text[text.index("Week 1") : text.index("intervals that contain")]
    results = re.sub(r"\d+\.\d s$", "", results, flags=re.MULTILINE)
    names = r"Week 1|95 %|20 characters|of 5|/10|agent_\d+|s\d+_\d+_\d+|/api/v1\S*"
    return re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", re.sub(names, "", results))


def worded(values: list[Any]) -> set[str]:
    """How a value may be printed: whole, with one or two digits, as a percentage."""
    words: set[str] = set()
    for value in (value for value in values if value is not None):
        words |= {f"{value:,}", f"{value:.1f}", f"{value:.2f}", f"{value * 100:.0f}", f"{value * 100:.1f}"}
    return words


def test_every_printed_figure_is_in_the_api_and_in_the_rows(product: Product, told: str) -> None:
    key = re.findall(r"key of this demo: (\S+)", told)[0]
    client = Client(f"http://127.0.0.1:{product.port}", key)

    metrics, row_counts, truth = client.call("GET", "/api/v1/metrics"), counted(client), count_truth()
    security, quality, business = metrics["security"], metrics["quality"], metrics["business"]
    shorts = quality["poor_quality_rates"]["responses_under_20_chars"]
    best = business["best_agents"][0] if business["best_agents"] else {"rate": None, "interval": [], "n": None}
    sent = set(truth.attacks)
    found = {row["session_id"] for row in rows(client) if row["security"]["incidents"]}
    recall = wilson(len(found & sent), len(sent))
    known = [
        metrics["conversations"], 0, len(sent), len(found & sent), len(sent - found), len(found - sent),
        SIZE - len(sent), len(found & sent) / len(sent), *(recall or ()),
        quality["avg_score"], quality["avg_score_n"], quality["unscored"], quality["resolution_rate"],
        *(business["funnel"][name] for name in ("offered", "agreed", "confirmed")),
        best["rate"], *best["interval"], best["n"],
        metrics["performance"]["reply_time_p50"], metrics["performance"]["reply_time_p95"],
        security["attacked_conversations"], *security["attacks_ci"],
        security["attacks_blocked"], security["attacks_succeeded"], security["attacks_unclear"],
        security["attacks_blocked"] + security["attacks_succeeded"],
        security["block_rate"], *(security["block_rate_ci"] or []),
        quality["escalation_rate"], *quality["escalation_rate_ci"], shorts["rate"], *shorts["ci"],
        business["upsell_rate"], *business["upsell_rate_ci"], business["upsells"],
        business["average_upsell_value"], business["average_upsell_value_n"],
        quality["customer_satisfaction"], *quality["customer_satisfaction_ci"], quality["customer_satisfaction_n"],
        truth.blocked, truth.blocked / len(sent), truth.escalated, truth.escalated / SIZE, truth.short_replies,
        truth.short_replies / SIZE, quality["escalations"]["done"],
        quality["poor_quality_patterns"]["responses_under_20_chars"],
        truth.offers, truth.upsells, truth.upsells / truth.offers, float(truth.upsell_value) / truth.upsells,
        truth.mean_survey,
    ]  # fmt: skip
    assert set(figures(told)) - worded(known) == set(), told
    assert len(figures(told)) > 40
    assert row_counts == {
        "conversations": metrics["conversations"],
        "escalated": quality["escalations"]["done"],
        "short": quality["poor_quality_patterns"]["responses_under_20_chars"],
        "offered": business["funnel"]["offered"],
        "confirmed": business["upsells"],
        **{
            outcome: count
            for outcome in ("blocked", "succeeded", "unclear")
            if (count := security[f"attacks_{outcome}"]) or outcome in row_counts
        },
    }


def test_json_is_one_object_and_another_world_is_another_truth(summary: dict[str, Any]) -> None:
    assert summary["truth"]["escalation_rate"] > 0.28
    assert summary["measured"]["escalation_rate"]["value"] > 0.28
    assert summary["captured"]["lost"] == 0
    assert set(summary["access"]) >= {"url", "key", "organization", "application"}
    assert list(summary["access"]["logins"]) == ["ana@northwind.test", "eve@northwind.test"]
    assert min(map(len, summary["access"]["logins"].values())) >= 12


def test_the_printed_login_opens_the_portal_on_what_was_measured(product: Product, told: str) -> None:
    email, password = re.findall(r"(ana@northwind\.test) / (\S+)", told)[0]
    portal = f"http://127.0.0.1:{product.port}"
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    page = browser.open(f"{portal}/accounts/login/").read().decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[0]
    form = urllib.parse.urlencode({"csrfmiddlewaretoken": token, "login": email, "password": password}).encode()

    home = browser.open(urllib.request.Request(f"{portal}/accounts/login/", form, {"Referer": portal}))

    assert home.url == f"{portal}/"
    content = home.read().decode()
    assert f"Northwind, seed {SEED}" in content
    assert str(SIZE) in content
