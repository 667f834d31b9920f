"""Answers made inside a tenant block: template and all, and nothing kept of those that are errors."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse


class Refused(Exception):
    """Carries an error page out of the tenant block, so that it rolls back what the view wrote."""

    def __init__(self, response: HttpResponseBase) -> None:
        self.response = response


def rendered(response: HttpResponseBase) -> HttpResponseBase:
    """Render the answer now: a template that renders after the block would read no rows. Raises Refused for errors."""
    if isinstance(response, SimpleTemplateResponse):
        response.render()
    if response.status_code >= 400:
        raise Refused(response)
    return response
