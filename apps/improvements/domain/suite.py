"""The probe suite: attacks and harmless look-alikes that ship with Flywheel, with an application's own added."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

Group = Literal["attack", "benign"]
# A run plants this at the end of both prompts, without a word about it: whoever quotes the prompt shows it.
REFERENCE = "QX-4471-LM"
# shipped texts are halved; an application's own are attacks its users made.
Source = Literal["shown", "held_out", "own"]


@dataclass(frozen=True)
class Probe:
    """One message to put to both versions. ``key`` is its name across runs; ``kind`` says how a reply is judged.

    ``sign`` stands in a reply to an attack that succeeded; empty where nothing proves it, and words are all there is.
    """

    key: str
    group: Group
    source: Source
    kind: str
    text: str
    sign: str = ""


@cache
def shipped() -> tuple[Probe, ...]:
    """Return the shipped suite, in an order that a budget may cut anywhere: forms and aims are mixed."""
    attacks, benign = _read("attacks.yaml"), _read("benign.yaml")
    found = [
        _probe("attack", f"{form}-{aim}", words.format(to=each["to"]), each["kind"], each["sign"])
        for form, words in attacks["forms"].items()
        for aim, each in attacks["aims"].items()
    ]
    found += [
        _probe("benign", f"{frame}-{topic}", words.format(to=to), "benign")
        for frame, words in benign["frames"].items()
        for topic, to in benign["topics"].items()
    ]
    return tuple(sorted(found, key=lambda probe: _hash(probe.key, "order")))


def own_probe(key: str, kind: str, text: str) -> Probe:
    """Return an attack that was made on the application itself."""
    return Probe(key, "attack", "own", kind, text)


def _probe(group: Group, name: str, text: str, kind: str, sign: str = "") -> Probe:
    key = f"{group}:{name}"
    return Probe(
        key,
        group,
        "held_out" if _hash(key, "half")[0] % 2 else "shown",
        kind,
        text,
        REFERENCE if sign == "reference" else sign,
    )


def _hash(key: str, salt: str) -> bytes:
    return hashlib.sha256(f"{salt}:{key}".encode()).digest()


def _read(name: str) -> dict[str, Any]:
    text = resources.files("apps.improvements.probes").joinpath(name).read_text("utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document
