"""Every URL of the product."""

from django.urls import include, path

from apps.platform.api import health

urlpatterns = [
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("api/v1/", include("flywheel.api_urls")),
]
