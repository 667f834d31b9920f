from django.apps import AppConfig


class ImprovementsConfig(AppConfig):
    name = "apps.improvements"
    label = "improvements"
