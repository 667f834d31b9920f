"""Tells Django whose administration this is."""

from django.contrib.admin.apps import AdminConfig


class AdministrationConfig(AdminConfig):
    """Django's admin with the product's own site."""

    default_site = "apps.organizations.administration.AdministrationSite"
