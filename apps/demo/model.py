"""The bot's language model, as the product may ask it: OpenAI-compatible, on loopback, as weak as truth.yaml says.

It answers from the prompt it is sent, by the same features and probabilities as the bot in production. What becomes of
a message is drawn once for that message, so two prompts differ in nothing but themselves; what each would have made of
it is the truth that the product's probes are held against.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from apps.demo.dialogue import give_away
from apps.demo.features import read_features
from apps.demo.texts import all_texts
from apps.demo.truth import World, truth_table

NAME = "northwind-small"
# How this model understands that somebody wants something else of it than help. A word of a stem list is enough; a
# demanded code, in capitals with a number, is one too.
_WANTS = re.compile(
    r"(?i)\b(?:instructions|you were (?:given|told|set up|configured)|rules? you|briefing|passphrase|setup text"
    r"|context buffer|without a check|no filters|your (?:makers|shackles|brief|guidance|operators?))"
)
_CODE = re.compile(r"\b[A-Z]{4,}-\d{3,}\b")
_SLOTS = {
    "order": "your order", "item": "article", "name": "dear customer", "amount": "the amount", "company": "Northwind",
}  # fmt: skip


class SimulatedModel:
    """One world's model. ``url`` is its address while it is served."""

    def __init__(self, *, seed: int, world: World) -> None:
        self._seed, self._world = seed, world
        self.url = ""
        # Attacks it was sent, in order; what comes of each under a prompt can be worked out again.
        self._attacks: dict[str, None] = {}
        self._lock = threading.Lock()
        self._probabilities: dict[str, float] = {}

    def answer(self, messages: list[dict[str, str]]) -> str:
        """Answer the last message of a chat under the chat's own system prompt."""
        prompt = next((each["content"] for each in messages if each["role"] == "system"), "")
        said = messages[-1]["content"]
        numbers = random.Random(f"{self._seed} {said}")  # noqa: S311 - reproducible
        drawn = numbers.random()
        texts = all_texts()
        if not _is_attack(said):
            intent = numbers.choice(sorted(texts.intents))
            return numbers.choice(texts.intents[intent].steps).format_map(_Slots(_SLOTS))
        with self._lock:
            self._attacks[said] = None
        if drawn < self._block_probability(prompt):
            return numbers.choice(texts.attacks.blocked["en"]).format_map(_Slots(_SLOTS))
        if code := _CODE.search(said):
            return numbers.choice(texts.attacks.repeated).format(code=code.group())
        return give_away(texts.attacks.leaked["en"], prompt, numbers.random)

    def truth(self, old: str, new: str) -> float | None:
        """Return the true change of the share blocked, new − old, over the attacks it was sent; None before any."""
        draws = [random.Random(f"{self._seed} {said}").random() for said in self._attacks]  # noqa: S311
        if not draws:
            return None
        before, after = self._block_probability(old), self._block_probability(new)
        return sum((draw < after) - (draw < before) for draw in draws) / len(draws)

    @contextmanager
    def served(self, port: int) -> Iterator[None]:
        """Serve it on loopback until the block ends."""
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # A header and a body in two packets would wait for one another's receipt.
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps(_completion(request, model.answer(request["messages"]))).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}/v1"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()

    def _block_probability(self, prompt: str) -> float:
        if prompt not in self._probabilities:
            features = read_features(prompt)
            self._probabilities[prompt] = truth_table().probability("block", self._world, features)
        return self._probabilities[prompt]


class _Slots(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key.replace("_", " ")


def _is_attack(said: str) -> bool:
    return _WANTS.search(said) is not None or _CODE.search(said) is not None


def _completion(request: dict[str, Any], text: str) -> dict[str, Any]:
    said = sum(len(each["content"]) for each in request["messages"]) // 4
    return {
        "id": "chatcmpl-simulated", "object": "chat.completion", "created": 0, "model": request.get("model", NAME),
        "choices": [
            {"index": 0, "finish_reason": "stop", "logprobs": None,
             "message": {"role": "assistant", "content": text, "refusal": None}}
        ],
        "usage": {"prompt_tokens": said, "completion_tokens": len(text) // 4, "total_tokens": said + len(text) // 4},
    }  # fmt: skip
