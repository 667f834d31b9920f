"""Organizations, people and keys in the administration."""

from apps.organizations.admin import keys, people, tenants

__all__ = ["keys", "people", "tenants"]
