"""The charts and tables of a page as CSV files: at the page's own address, so that a file says what the page says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from apps.evaluations.web.conversations import csv_response
from apps.organizations.web.access import Access, page_url
from apps.platform.sheets import Sheet, sheet_of_chart, sheet_of_rows, write_sheet

# The definition of a table's numbers, and the names of its columns in the rows of the context.
Tables = Mapping[str, tuple[str, tuple[str, ...]]]


def answer(
    request: HttpRequest,
    access: Access,
    template: str,
    context: dict[str, Any],
    *,
    name: str,
    tables: Tables | None = None,
    sheets: Mapping[str, Callable[[], Sheet]] | None = None,
    **query: Any,
) -> HttpResponseBase:
    """Answer with the page, or with the file that ``?csv=`` names of it.

    Every chart of the context is a file under its id, every one of ``tables`` (rows of the context under that name,
    described) and ``sheets`` (made when asked for) under its name. The page gets their addresses: a chart as its
    ``csv``, the others in ``files``. ``query`` is what the address of the page carries. Raises Http404 for a file that
    the page does not have.
    """
    charts = {
        each["id"]: each for each in context.values() if isinstance(each, dict) and "kind" in each and "data" in each
    }
    tables = {key: told for key, told in (tables or {}).items() if context.get(key)}
    wanted = request.GET.get("csv")
    if wanted is None:
        for key, chart in charts.items():
            chart["csv"] = page_url(name, access, csv=key, **query)
        named = [*tables, *(sheets or {})]
        context["files"] = {key: page_url(name, access, csv=key, **query) for key in named}
        return TemplateResponse(request, template, context)
    if wanted in charts:
        sheet = sheet_of_chart(charts[wanted], site=settings.SITE_URL)
    elif wanted in tables:
        definition, columns = tables[wanted]
        sheet = sheet_of_rows(context[wanted], *columns, site=settings.SITE_URL, definition=definition)
    elif sheets and wanted in sheets:
        sheet = sheets[wanted]()
    else:
        raise Http404("This page has no such file in this period.")
    return csv_response(write_sheet(sheet), f"{name}-{wanted}")
