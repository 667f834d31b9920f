"""A language model for tests: OpenAI-compatible, on loopback, and as unreliable as it is told to be.

What it answers is held to the real thing by tests/platform/language_models/test_verification.py, which runs where
there is a key.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings

Reply = Callable[[dict[str, Any]], str]


@dataclass
class ModelServer:
    """``reply`` says what is answered to a request; ``ill`` are answers to give before that, as (status, body)."""

    reply: Reply = lambda _: "Of course."
    ill: list[tuple[int, bytes]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    hold: float = 0.0
    usage: bool = True
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def answer(self, request: dict[str, Any], key: str | None) -> tuple[int, bytes]:
        with self.lock:
            self.asked.append(request)
            self.keys.append(key)
            if self.ill:
                return self.ill.pop(0)
        if self.hold:
            threading.Event().wait(self.hold)
        text = self.reply(request)
        said = sum(len(each["content"]) for each in request["messages"])
        usage = {
            "prompt_tokens": said // 4,
            "completion_tokens": len(text) // 4,
            "total_tokens": (said + len(text)) // 4,
        }
        return 200, json.dumps(
            {
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": request["model"],
                "choices": [
                    {"index": 0, "finish_reason": "stop", "logprobs": None,
                     "message": {"role": "assistant", "content": text, "refusal": None}}
                ],
            } | ({"usage": usage} if self.usage else {})
        ).encode()  # fmt: skip


@contextmanager
def model_server(**settings_of: Any) -> Iterator[ModelServer]:
    """Serve until the block ends; the operator of this installation allows it."""
    model = ModelServer(**settings_of)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = model.answer(request, self.headers.get("Authorization"))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in model.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    before = settings.OUTBOUND_ALLOWED
    settings.OUTBOUND_ALLOWED = [*before, f"127.0.0.1:{model.port}"]
    try:
        yield model
    finally:
        settings.OUTBOUND_ALLOWED = before
        server.shutdown()
        server.server_close()
