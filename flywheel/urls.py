"""Every URL of the product."""

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from apps.platform.api import health

# Swagger's page writes style attributes; its script comes as a file of its own.
_docs = csp_update({"style-src": [UNSAFE_INLINE]})(
    SpectacularSwaggerSplitView.as_view(url_name="openapi", template_name="api_docs.html")
)

handler400 = "apps.platform.faults.bad_request"
handler404 = "apps.platform.faults.not_found"
handler500 = "apps.platform.faults.server_error"

urlpatterns = [
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("api/v1/", include("flywheel.api_urls")),
    path("api/docs/", _docs, name="api_docs"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("flywheel.portal_urls")),
]
