"""What a browser calls itself, in words; whoever asks writes it, so it is only ever shown."""

from __future__ import annotations

# The first that stands in it names it: most browsers also claim to be those below them.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
_LONGEST = 60


def browser(user_agent: str) -> str:
    """Write a User-Agent as "Firefox on Windows"; one that names no browser we know stays as it is, shortened."""
    name, system = (next((words for sign, words in signs if sign in user_agent), "") for signs in (_BROWSERS, _SYSTEMS))
    if not name:
        return user_agent[:_LONGEST] or "unknown"
    return f"{name} on {system}" if system else name
