"""What the shop's finance says of its own figures, and the report it asks for: through the API, as any customer."""

from __future__ import annotations

from typing import Any

from apps.demo.shop import Shop

# low, most likely, high; unit money is the shop's own currency. None of it is known to the product beforehand.
_SAID: tuple[tuple[str, float, float, float, str, str], ...] = (
    ("hourly_rate", 50, 75, 120, "finance", "finance"),
    ("setup_hours", 30, 40, 60, "engineering", "finance"),
    ("weekly_hours", 3, 5, 7, "product", "guess"),
    ("review_hours", 2, 4, 6, "product", "guess"),
    ("licence", 300, 300, 300, "finance", "finance"),
    ("escalation_cost", 1.10, 1.90, 3.20, "finance", "finance"),
    ("contribution_margin", 0.55, 0.62, 0.70, "finance", "finance"),
    ("incident_per_leak", 0.0001, 0.005, 0.02, "security", "guess"),
    ("incident_loss", 5_000, 50_000, 150_000, "security", "guess"),
)


def say_assumptions(shop: Shop) -> None:
    """Tell the product what an hour, an escalation and a margin are at this shop."""
    rows = [
        {"key": key, "low": low, "mode": mode, "high": high, "owner": owner, "source": source, "approved": True}
        for key, low, mode, high, owner, source in _SAID
    ]
    shop.put(f"roi/model?application={shop.application}", {"assumptions": rows})


def ask_report(shop: Shop) -> dict[str, Any]:
    """Ask for the report of this month until now, wait until it is frozen, and return it."""
    asked = shop.post("roi/reports", {"application": shop.application})

    def frozen() -> dict[str, Any] | None:
        report: dict[str, Any] = shop.get(f"roi/reports/{asked['id']}")
        return report if report["status"] != "waiting" else None

    found: dict[str, Any] = shop.until(frozen, "the report")
    return found


def return_line(report: dict[str, Any]) -> str:
    """Word what the report came to in one line."""
    content = report.get("content") or {}
    figures, apart = content.get("figures"), content.get("apart") or []
    if figures is None:
        missing = content.get("missing") or [f"the report is {report['status']}"]
        return f"ROI nothing can be added up yet: {missing[0]}"
    net = figures["net"]
    left = f"avoided breaches (grade D: {len(apart)} in a band of its own)" if apart else "nothing with a grade of D"
    return f"ROI 90 % likely above {_money(net['p10'])}, middle {_money(net['p50'])} · not counted: {left}"


def _money(value: float) -> str:
    return f"{'−' if value < 0 else ''}${abs(value):,.0f}"
