"""Log lines as JSON with request ids. Secrets never enter: keys are shortened to their prefix before any line."""

import re
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

_KEY = re.compile(r"(fw_(?:live|test)_[0-9A-Za-z]{8})_[0-9A-Za-z_-]+")

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)


def render(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    """Return the event as one JSON line, with API keys cut to their public prefix."""
    fields = {key: value for key, value in event.items() if not key.startswith("_")}
    line = orjson.dumps(fields, default=str).decode()
    return _KEY.sub(r"\1_…", line)
