"""Enterprise leads: two or more signs of a company that buys in size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.evaluations.domain.business.signs import USER
from apps.evaluations.domain.values import Message

MANY_SEATS = 50
SIGNALS_NEEDED = 2
_SIGNS = frozenset({"seats", "procurement", "sales", "email"})
_FREE_MAIL = frozenset({
    "gmail.com", "googlemail.com", "yahoo.com", "hotmail.com", "outlook.com", "live.com", "icloud.com",
    "me.com", "aol.com", "gmx.com", "gmx.de", "web.de", "mail.com", "proton.me", "protonmail.com", "email.com",
    "yandex.com", "example.com", "qq.com", "163.com",
})  # fmt: skip


def read_signals(
    messages: Sequence[Message], texts: Sequence[str], signs: Sequence[frozenset[str]], claimed: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the signs found in the user's words and the metadata, each once, in alphabetical order."""
    found: set[str] = set()
    for message, text, said in zip(messages, texts, signs, strict=True):
        if message.role != "user" or said.isdisjoint(_SIGNS):
            continue
        if "seats" in said and any(_read_count(match["count"]) >= MANY_SEATS for match in USER.find("seats", text)):
            found.add("seats")
        if "procurement" in said:
            found.add("procurement")
        if "sales" in said:
            found.add("asks_for_sales")
        if "email" in said and any(_is_company(match["domain"]) for match in USER.find("email", text)):
            found.add("company_domain")
    if claimed:
        _add_claimed(found, claimed)
    return tuple(sorted(found))


def _add_claimed(found: set[str], claimed: Mapping[str, Any]) -> None:
    for name in ("seats", "company_size"):
        digits = "".join(c for c in str(claimed.get(name, ""))[:12].split("-")[0] if c in "0123456789")
        if digits and _read_count(digits) >= MANY_SEATS:
            found.add("seats")
    emails = USER.find("email", str(claimed.get("email", ""))[:200])
    if claimed.get("company") or any(_is_company(match["domain"]) for match in emails):
        found.add("company_domain")
    if "enterprise" in str(claimed.get("intent", "")).lower() or str(claimed.get("lead_quality", "")).lower() == "high":
        found.add("asks_for_sales")


def _is_company(domain: str) -> bool:
    return domain.lower() not in _FREE_MAIL


def _read_count(digits: str) -> int:
    return int(digits.replace(",", "")[:9])
