"""The portal's template tags and filters: ``{% load flywheel %}``. The style guide shows each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.platform.templatetags import blocks, browsers, drawing, figures, highlighting, marking, naming

register = template.Library()

register.filter("number", figures.number)
register.filter("percent", figures.percent)
register.filter("money", figures.money)
register.filter("signed", figures.signed)
register.filter("points", figures.points)
register.filter("duration", figures.duration)
register.filter("interval", figures.interval)
register.filter("interval_percent", figures.interval_percent)
register.filter("file_size", figures.file_size)
register.filter("is_thin", figures.is_thin)
register.filter("when", figures.when)
register.filter("when_in_full", figures.when_in_full)
register.filter("plain", figures.plain)
register.filter("browser", browsers.browser)
register.filter("has_chart", lambda value: not blocks.is_empty(value))

register.simple_tag(drawing.icon, name="icon")
register.simple_tag(drawing.wheel, name="wheel")
register.simple_tag(drawing.turning_wheel, name="turning_wheel")
register.simple_tag(drawing.spark, name="spark")
register.simple_tag(drawing.stackbar, name="stackbar")
register.simple_tag(drawing.meter, name="meter")
register.simple_tag(marking.severity, name="severity")
register.simple_tag(marking.outcome, name="outcome")
register.simple_tag(marking.verdict, name="verdict")
register.simple_tag(marking.state, name="state")
register.simple_tag(marking.grade, name="grade")
register.simple_tag(marking.moment, name="moment")
register.filter("link_identifiers", naming.link_identifiers)
register.filter("in_sight", highlighting.in_sight)
register.simple_tag(highlighting.highlight, name="message_text")
register.simple_tag(highlighting.excerpt, name="excerpt")

register.inclusion_tag("components/figure.html", name="figure")(blocks.figure)
register.inclusion_tag("components/chart.html", name="chart")(blocks.chart)


@register.simple_tag
def interval(
    pair: Sequence[float] | None,
    value: float | None,
    start: float,
    end: float,
    zero: float | None = None,
    reference: float | None = None,
    tone: str = "",
    label: str = "",
) -> SafeString:
    """Draw an interval on the scale from ``start`` to ``end``; nothing where there is no interval."""
    if not pair or value is None:
        return SafeString("")
    return drawing.interval(
        pair[0], value, pair[1], (start, end), zero=zero, reference=reference, tone=tone, label=label
    )


@register.inclusion_tag("components/figures.html")
def figure_strip(values: Iterable[Mapping[str, Any]], label: str = "Figures") -> dict[str, Any]:
    """Show figures side by side."""
    return {"figures": values, "label": label}


@register.inclusion_tag("components/pager.html")
def pager(page: Mapping[str, Any] | None) -> dict[str, Any]:
    """Show where older and newer rows are: {"newer": URL or None, "older": URL or None, "note": words}. No counts:
    counting a million rows costs more than anyone learns from it."""
    return {"page": page}


@register.inclusion_tag("components/codebox.html")
def codebox(identifier: str, code: str, label: str = "Copy") -> dict[str, Any]:
    """Show code to copy; identifier is unique on its page."""
    return {"id": identifier, "code": code, "label": label}


@register.inclusion_tag("components/skeleton.html")
def skeleton(words: str = "Loading") -> dict[str, Any]:
    """Hold the place of what is being loaded."""
    return {"words": words}


@register.inclusion_tag("components/empty.html")
def empty(value: Mapping[str, Any]) -> dict[str, Any]:
    """Say what is not here yet and the next step: {"title", "text", "action" {"label", "url"}, "code"}, all but title
    and text optional."""
    return {"empty": value}


@register.inclusion_tag("components/head.html", takes_context=True)
def page_head(context: Mapping[str, Any], title: str, stage: int | None = None) -> dict[str, Any]:
    """Show the head of a page: the wheel with this page's stage lit, the crumbs (context "crumbs": [{"label", "url"}],
    default: the application and the period), and the title."""
    crumbs = context.get("crumbs")
    if crumbs is None:
        portal, period = context.get("portal") or {}, context.get("period") or {}
        application = portal.get("application") or portal.get("organization") or {}
        crumbs = [{"label": text} for text in (application.get("name"), period.get("label")) if text]
    return {"title": title, "stage": stage, "crumbs": crumbs}


@register.simple_block_tag
def notice(content: str, kind: str = "info") -> SafeString:
    """Say one thing that matters: kind is info, wait (a person is needed), bad or accent."""
    name = {"bad": "warn", "wait": "wait"}.get(kind, "info")
    tone = "" if kind == "info" else f" fw-note--{kind}"
    role = SafeString(' role="alert"') if kind == "bad" else ""
    return format_html('<div class="fw-note{}"{}>{}<div>{}</div></div>', tone, role, drawing.icon(name), content)
