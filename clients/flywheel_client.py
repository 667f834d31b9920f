"""Flywheel's client for Python applications: one file, no dependencies, Python 3.9 or newer. Copy it or install it.

    from flywheel_client import Flywheel

    flywheel = Flywheel("https://flywheel.example", "fw_live_…", application="support")
    prompt = flywheel.get_prompt("support", unit=user_id, fallback="You help customers.")
    …
    flywheel.log(session_id, "user", question, user_id=user_id)
    flywheel.log(session_id, "assistant", answer, **prompt.echo)

    checked = flywheel.check(question)
    if checked.action == "block":
        answer = checked.reply

A prompt is always answered: freshly, else as it was last known, else by your fallback. With ``local=True`` units are
assigned in your process by the rules of GET /ruleset, with the same outcome as the server's, and no call per fetch.
``check`` keeps a message to the guardrails in force: in your process where every rule may run on Python's ``re`` in
bounded time, else by POST /guardrails/check, which also takes disguises (base64, leet …) off and uses the security
rules. Logs are pushed in the background in batches; ``close()`` (or leaving a ``with`` block) pushes the rest.
"""

from __future__ import annotations

import atexit
import hashlib
import hmac
import json
import logging
import random
import re
import threading
import time
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

__version__ = "1"
_log = logging.getLogger("flywheel")
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]{0,63})\s*\}\}")
_MOST_REMEMBERED = 10_000
# Longer messages are left to the server, whose engine is linear.
_LONGEST_LOCAL = 20_000
_STRENGTH = {"allow": 0, "flag": 1, "block": 2}
Content = Union[str, List[Dict[str, str]]]


@dataclass(frozen=True)
class Prompt:
    """A prompt to use. ``echo`` belongs into the metadata of the reply it led to: results are made of it.

    ``source``: "server", "ruleset", "last known" or "fallback".
    """

    name: str
    content: Content
    config: Dict[str, Any] = field(default_factory=dict)
    version: Optional[int] = None
    variant: Optional[str] = None
    assignment_id: Optional[str] = None
    source: str = "server"

    @property
    def echo(self) -> Dict[str, Any]:
        """Return the metadata that says which prompt, version and assignment a reply came from."""
        found = {
            "prompt_name": self.name,
            "prompt_version": self.version,
            "variant": self.variant,
            "assignment_id": self.assignment_id,
        }
        return {name: value for name, value in found.items() if value is not None}

    def fill(self, **values: object) -> Content:
        """Return the content with its ``{{gaps}}`` filled; a gap without a value stays."""

        def filled(text: str) -> str:
            return _VARIABLE.sub(lambda gap: str(values.get(gap[1], gap[0])), text)

        if isinstance(self.content, str):
            return filled(self.content)
        return [{**message, "content": filled(message["content"])} for message in self.content]


@dataclass(frozen=True)
class Checked:
    """What to do with a message. ``text`` is the message to go on with, without signs nobody sees where a guardrail
    sanitises; ``reply`` is what a blocked user is to hear.

    ``source``: "bundle" (in this process), "server", "bundle, in part" (the server could not be asked and not every
    rule may run here) or "nothing" (neither could be read: the message is allowed, and nobody has looked at it).
    """

    action: str
    text: str
    rules: Tuple[str, ...] = ()
    reply: Optional[str] = None
    risk_score: Optional[float] = None
    source: str = "bundle"


class _Pulled:
    """Something the server publishes under an ETag, as it was last read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.body: Optional[Dict[str, Any]] = None
        self.etag = ""
        self.until = 0.0


class Flywheel:
    """A connection to Flywheel. Threads may share it."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        application: Optional[str] = None,
        local: bool = False,
        timeout: float = 2.0,
        batch: int = 200,
        every: float = 2.0,
        most_waiting: int = 50_000,
    ) -> None:
        """``timeout`` in seconds for a fetch. Logs go in batches of ``batch`` records, or ``every`` so many seconds.

        ``most_waiting`` records are kept while the server cannot be reached; beyond it the oldest are dropped.
        """
        self._url, self._key, self._application = url.rstrip("/"), key, application
        self._local, self._timeout = local, timeout
        self._hash = hashlib.sha256(key.encode()).hexdigest().encode()
        self._known: Dict[Tuple[str, str, str], Tuple[float, Prompt]] = {}
        self._ruleset = _Pulled("/api/v1/ruleset")
        named = "?" + urllib.parse.urlencode({"application": application}) if application else ""
        self._bundle = _Pulled("/api/v1/guardrails" + named)
        self._patterns: Dict[str, "re.Pattern[str]"] = {}
        self._lock = threading.Lock()
        self._waiting: List[Dict[str, Any]] = []
        self._batch, self._every, self._most = batch, every, most_waiting
        self._more, self._ended = threading.Event(), False
        self._pusher: Optional[threading.Thread] = None
        atexit.register(self.close)

    # Prompts

    def get_prompt(
        self, name: str, unit: Optional[str] = None, *, fallback: Optional[Content] = None, label: str = "production"
    ) -> Prompt:
        """Return the prompt for this unit (a user's id, say). Raises LookupError where nothing is known of it."""
        if self._local:
            found = self._from_rules(name, unit, label)
            if found is not None:
                return found
        else:
            key = (name, unit or "", label)
            until, known = self._known.get(key, (0.0, None))
            if known is not None and time.monotonic() < until:
                return known
            fresh = self._fetch(name, unit, label)
            if fresh is not None:
                ttl, prompt = fresh
                self._remember(key, ttl, prompt)
                return prompt
            if known is not None:
                return _as(known, "last known")
        if fallback is None:
            raise LookupError(f"no prompt {name!r} is known, and no fallback was given")
        return Prompt(name, fallback, source="fallback")

    def _fetch(self, name: str, unit: Optional[str], label: str) -> Optional[Tuple[float, Prompt]]:
        query = {"label": label} if label != "production" else {}
        if unit:
            query["unit"] = unit
        path = f"/api/v1/prompts/{urllib.parse.quote(name, safe='')}"
        answer = self._read(path + ("?" + urllib.parse.urlencode(query) if query else ""))
        if answer is None:
            return None
        assignment = answer["assignment"] or {}
        if not self._is_signed(answer["name"], answer["served_hash"], assignment.get("assignment_id", ""), answer):
            return None
        prompt = Prompt(
            name,
            answer["prompt"],
            answer["config"],
            answer["version"],
            assignment.get("variant"),
            assignment.get("assignment_id"),
        )
        return float(answer["ttl"]), prompt

    def _remember(self, key: Tuple[str, str, str], ttl: float, prompt: Prompt) -> None:
        with self._lock:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[key] = (time.monotonic() + ttl, prompt)

    def _from_rules(self, name: str, unit: Optional[str], label: str) -> Optional[Prompt]:
        rules = self.rules
        prompt = (rules or {}).get("prompts", {}).get(name)
        if rules is None or prompt is None:
            return None
        number, variant, assignment_id = prompt["labels"].get(label), None, None
        for rule in rules["experiments"]:
            if rule["prompt"] == name and rule["label"] == label:
                assigned = assign(rule, unit) if unit else None
                if assigned is not None:
                    number, variant, assignment_id = assigned["version"], assigned["variant"], assigned["assignment_id"]
                elif number is None:
                    number = rule["arms"][0]["version"]
        if label == "latest":
            number = prompt["latest"]
        version = prompt["versions"].get(str(number))
        if version is None:
            return None
        return Prompt(name, version["prompt"], version["config"], number, variant, assignment_id, "ruleset")

    @property
    def rules(self) -> Optional[Dict[str, Any]]:
        """Return the ruleset, read again when it is old; None while it could never be read."""
        return self._current(self._ruleset)

    def refresh(self) -> None:
        """Read the ruleset, and the guardrails if they were ever asked for, now, whatever their age."""
        for pulled in (self._ruleset, self._bundle):
            if pulled is self._ruleset or pulled.body is not None:
                pulled.until = 0.0
                self._current(pulled)

    def _current(self, pulled: _Pulled) -> Optional[Dict[str, Any]]:
        if pulled.body is not None and time.monotonic() < pulled.until:
            return pulled.body
        # One thread asks; the others go on with what is known, unless nothing is.
        if not pulled.lock.acquire(blocking=pulled.body is None):
            return pulled.body
        try:
            if pulled.body is None or time.monotonic() >= pulled.until:
                fresh = self._read(pulled.path, pulled)
                if fresh and (pulled is self._ruleset or self._is_signed_bundle(fresh)):
                    pulled.body = fresh
                pulled.until = time.monotonic() + float((pulled.body or {}).get("ttl", 5))
        finally:
            pulled.lock.release()
        return pulled.body

    def _read(self, path: str, pulled: Optional[_Pulled] = None) -> Optional[Dict[str, Any]]:
        request = urllib.request.Request(self._url + path, headers={"Authorization": "Bearer " + self._key})
        if pulled is not None and pulled.etag:
            request.add_header("If-None-Match", pulled.etag)
        return self._ask(request, pulled)

    def _ask(self, request: urllib.request.Request, pulled: Optional[_Pulled] = None) -> Optional[Dict[str, Any]]:
        path = urllib.parse.urlsplit(request.full_url).path
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                found: Dict[str, Any] = json.load(answer)
                if pulled is not None:
                    pulled.etag = answer.headers.get("ETag", "")
                return found
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 304:
                    _log.warning("%s answered %s", path, error.code)
        except (OSError, ValueError) as error:
            _log.warning("%s cannot be read: %s", path, error)
        return None

    def _is_signed(self, name: str, served_hash: str, assignment_id: str, answer: Dict[str, Any]) -> bool:
        said = "\n".join([name, served_hash, assignment_id]).encode()
        wanted = hmac.new(self._hash, said, hashlib.sha256).hexdigest()
        content = [answer["type"], answer["prompt"], answer["config"]]
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        fits = hashlib.sha256(canonical.encode()).hexdigest() == served_hash
        if fits and hmac.compare_digest(wanted, str(answer.get("signature"))):
            return True
        _log.error("the prompt %r is not signed as it should be and is not used", name)
        return False

    def _is_signed_bundle(self, answer: Dict[str, Any]) -> bool:
        signed = {name: answer.get(name) for name in ("application", "guardrails")}
        canonical = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        said = "\n".join([str(answer.get("application")), digest, "guardrails"]).encode()
        if hmac.compare_digest(hmac.new(self._hash, said, hashlib.sha256).hexdigest(), str(answer.get("signature"))):
            return True
        _log.error("the guardrails are not signed as they should be and are not used")
        return False

    # Guardrails

    def check(self, text: str, role: str = "user", *, unit: Optional[str] = None) -> Checked:
        """Return what the guardrails say of a user's message, or ("assistant") of a reply before the user sees it.

        The key needs the scope ``guardrails``. Never raises for the network's sake.
        """
        bundle = self._current(self._bundle)
        guardrails = bundle["guardrails"] if bundle is not None else []
        whole = (
            bundle is not None
            and len(text) <= _LONGEST_LOCAL
            and all(rule["local"] for guardrail in guardrails for rule in guardrail["rules"] if rule["on"] == role)
        )
        if not whole:
            asked = self._check_there(text, role, unit)
            if asked is not None:
                return asked
            if bundle is None:
                return Checked("allow", text, source="nothing")
        return self._check_here(guardrails, text, role, "bundle" if whole else "bundle, in part")

    def _check_there(self, text: str, role: str, unit: Optional[str]) -> Optional[Checked]:
        body = {"text": text, "role": role, "application": self._application, "unit": unit}
        request = urllib.request.Request(
            self._url + "/api/v1/guardrails/check", json.dumps(body).encode(),
            {"Authorization": "Bearer " + self._key, "Content-Type": "application/json"},
        )  # fmt: skip
        answer = self._ask(request)
        if answer is None:
            return None
        rules = tuple(str(match["rule"]) for match in answer["matches"])
        return Checked(answer["action"], answer["text"], rules, answer["reply"], answer["risk_score"], "server")

    def _check_here(self, guardrails: List[Dict[str, Any]], text: str, role: str, source: str) -> Checked:
        action, rules, reply, shown = "allow", [], None, text
        folded = fold(text[:_LONGEST_LOCAL])
        for guardrail in guardrails:
            for rule, does in self._speaking(guardrail, text, folded, role):
                rules.append(rule)
                if does == "block" and reply is None:
                    reply = guardrail["reply"]
                if _STRENGTH[does] > _STRENGTH[action]:
                    action = does
            if guardrail["sanitise"] and role == "user":
                shown = sanitise(shown)
        return Checked(action, shown, tuple(rules), reply, source=source)

    def _speaking(self, guardrail: Dict[str, Any], text: str, folded: str, role: str) -> Iterator[Tuple[str, str]]:
        longest, shortest = guardrail["longest_input"], guardrail["shortest_reply"]
        if role == "user" and longest is not None and len(text) > longest:
            yield "longest_input", "block"
        length = len(unicodedata.normalize("NFKC", text).strip())
        if role == "assistant" and shortest is not None and length < shortest:
            yield "shortest_reply", "flag"
        for rule in guardrail["rules"]:
            if rule["on"] != role or not rule["local"]:
                continue
            pattern = self._patterns.get(rule["pattern"])
            if pattern is None:
                pattern = re.compile(rule["pattern"], re.IGNORECASE | re.ASCII | re.DOTALL)
                self._patterns[rule["pattern"]] = pattern
            if pattern.search(folded):
                yield rule["id"], rule["action"]

    # Logs

    def log(self, session_id: str, role: str, message: str, **metadata: Any) -> None:
        """Note one message, to be pushed in the background. Never blocks and never raises for the network's sake."""
        record: Dict[str, Any] = {
            "session_id": session_id,
            "role": role,
            "message": message,
            "timestamp": datetime.now(timezone.utc).isoformat(),
        }
        if "user_id" in metadata:
            record["user_id"] = metadata.pop("user_id")
        if metadata:
            record["metadata"] = metadata
        with self._lock:
            self._waiting.append(record)
            if len(self._waiting) > self._most:
                _log.error("the oldest of %s waiting log records is dropped", self._most)
                del self._waiting[0]
            if self._pusher is None:
                self._pusher = threading.Thread(target=self._push_forever, daemon=True, name="flywheel-logs")
                self._pusher.start()
            if len(self._waiting) >= self._batch:
                self._more.set()

    def flush(self, timeout: float = 10.0) -> bool:
        """Push what waits; return whether all of it was taken within the time."""
        until = time.monotonic() + timeout
        while self._waiting and time.monotonic() < until:
            if not self._push():
                time.sleep(min(0.5, max(0.0, until - time.monotonic())))
        return not self._waiting

    def close(self) -> None:
        """Push what waits and end."""
        if not self._ended:
            self._ended = True
            self._more.set()
            self.flush()

    def __enter__(self) -> "Flywheel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _push_forever(self) -> None:
        pause = self._every
        while not self._ended:
            self._more.wait(pause)
            self._more.clear()
            while self._waiting and not self._ended:
                if self._push():
                    pause = self._every
                else:
                    # Twice as long after each failure, and not all clients at the same moment.
                    pause = min(60.0, pause * 2) * random.uniform(0.8, 1.2)
                    break

    def _push(self) -> bool:
        with self._lock:
            records = self._waiting[: self._batch]
        if not records:
            return True
        body = "\n".join(json.dumps(record) for record in records).encode()
        query = "?" + urllib.parse.urlencode({"application": self._application}) if self._application else ""
        request = urllib.request.Request(
            f"{self._url}/api/v1/logs{query}",
            data=body,
            method="POST",
            headers={
                "Authorization": "Bearer " + self._key,
                "Content-Type": "application/x-ndjson",
                # The same batch sent again, because its answer was lost, is taken once.
                "Idempotency-Key": hashlib.sha256(body).hexdigest(),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=max(10.0, self._timeout)):
                pass
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in (400, 413, 422):
                    return False
                _log.error("%s log records were refused: %s", len(records), error.read()[:300])
        except OSError:
            return False
        with self._lock:
            # Records may have been dropped from the front meanwhile; those pushed are taken out by identity.
            pushed = {id(record) for record in records}
            self._waiting = [record for record in self._waiting if id(record) not in pushed]
        return True


def bucket(salt: str, unit: str) -> float:
    """Return where a unit falls in [0, 1): SHA-256 of ``salt:unit``, its first 64 bits as a fraction."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{unit}".encode()).digest()[:8], "big") / 2.0**64


def assign(rule: Dict[str, Any], unit: str) -> Optional[Dict[str, Any]]:
    """Return what an experiment of GET /ruleset gives a unit; None where it does not enrol it."""
    low, high = rule["slice"]
    if rule["layer"] and not low <= bucket("layer:" + rule["layer"], unit) < high:
        return None
    if rule["share"] < 1 and bucket(rule["salt"] + ":ramp", unit) >= rule["share"]:
        return None
    value, edge, arms = bucket(rule["salt"] + ":arm", unit), 1.0, rule["arms"]
    index = 0
    for place in range(len(arms) - 1, 0, -1):
        edge -= arms[place]["share"]
        if value >= edge:
            index = place
            break
    digest = hashlib.sha256(f"{rule['phase']}:{unit}".encode()).hexdigest()[:24]
    return {
        "variant": arms[index]["key"],
        "version": arms[index]["version"],
        "assignment_id": f"{rule['phase']}.{index}.{digest}",
    }


def _as(prompt: Prompt, source: str) -> Prompt:
    return Prompt(
        prompt.name, prompt.content, prompt.config, prompt.version, prompt.variant, prompt.assignment_id, source
    )


_INVISIBLE = {
    code: None
    for first, last in (
        (0xAD, 0xAD), (0x115F, 0x1160), (0x180E, 0x180E), (0x200B, 0x200B), (0x200E, 0x200F), (0x202A, 0x202E),
        (0x2060, 0x2064), (0x2066, 0x206F), (0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
        (0xE0000, 0xE007F), (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
}  # fmt: skip
_JOINERS = "\u200c\u200d"


def sanitise(text: str) -> str:
    """Return the text without signs that nobody sees. Joiners stay where a script or an emoji needs them."""
    if text.isascii():
        return text
    bare = text.translate(_INVISIBLE)
    return "".join(
        char
        for i, char in enumerate(bare)
        if char not in _JOINERS or (0 < i < len(bare) - 1 and not bare[i - 1].isascii() and not bare[i + 1].isascii())
    )


def fold(text: str) -> str:
    """Return the text as rules read it: lower case, no accents, no invisible signs."""
    if text.isascii():
        return text.lower()
    bare = unicodedata.normalize("NFKD", text)
    return "".join(char for char in bare if unicodedata.category(char) not in ("Mn", "Cf", "Cn")).lower()
