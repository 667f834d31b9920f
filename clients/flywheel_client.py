"""Flywheel's client for Python applications: one file, no dependencies, Python 3.9 or newer. Copy it or install it.

    from flywheel_client import Flywheel

    flywheel = Flywheel("https://flywheel.example", "fw_live_…", application="support")
    prompt = flywheel.get_prompt("support", unit=user_id, fallback="You help customers.")
    …
    flywheel.log(session_id, "user", question, user_id=user_id)
    flywheel.log(session_id, "assistant", answer, **prompt.echo)

A prompt is always answered: freshly, else as it was last known, else by your fallback. With ``local=True`` units are
assigned in your process by the rules of GET /ruleset, with the same outcome as the server's, and no call per fetch.
Logs are pushed in the background in batches; ``close()`` (or leaving a ``with`` block) pushes the rest.
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
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional, Tuple, Union

__version__ = "1"
_log = logging.getLogger("flywheel")
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]{0,63})\s*\}\}")
_MOST_REMEMBERED = 10_000
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
        self._rules: Optional[Dict[str, Any]] = None
        self._rules_until = 0.0
        self._etag = ""
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
        rules = self._current_rules()
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

    def refresh(self) -> None:
        """Fetch the ruleset now, whatever its age."""
        with self._lock:
            self._rules_until = 0.0
        self._current_rules()

    def _current_rules(self) -> Optional[Dict[str, Any]]:
        if self._rules is not None and time.monotonic() < self._rules_until:
            return self._rules
        # One thread asks; the others go on with what is known, unless nothing is.
        if not self._lock.acquire(blocking=self._rules is None):
            return self._rules
        try:
            if self._rules is None or time.monotonic() >= self._rules_until:
                fresh = self._read("/api/v1/ruleset", self._etag)
                if fresh:
                    self._rules = fresh
                self._rules_until = time.monotonic() + float((self._rules or {}).get("ttl", 5))
        finally:
            self._lock.release()
        return self._rules

    def _read(self, path: str, etag: str = "") -> Optional[Dict[str, Any]]:
        request = urllib.request.Request(self._url + path, headers={"Authorization": "Bearer " + self._key})
        if etag:
            request.add_header("If-None-Match", etag)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                found: Dict[str, Any] = json.load(answer)
                if path == "/api/v1/ruleset":
                    self._etag = answer.headers.get("ETag", "")
                return found
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 304:
                    _log.warning("%s answered %s", path.partition("?")[0], error.code)
        except (OSError, ValueError) as error:
            _log.warning("%s cannot be read: %s", path.partition("?")[0], error)
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
