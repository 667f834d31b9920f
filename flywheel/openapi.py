"""The API's own description."""

from drf_spectacular.views import SpectacularJSONAPIView

from apps.organizations.api.authentication import ApiKeyAuthentication


class OpenApiView(SpectacularJSONAPIView):
    """OpenAPI 3; open to everybody, since it describes doors and holds no data."""

    authentication_classes = [ApiKeyAuthentication]
    permission_classes = []
