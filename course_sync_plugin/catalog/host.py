"""Reads the platform's catalog, languages and settings. All imports of edx-platform for the catalog are here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.conf import settings

_CATALOG_APP = "openedx.core.djangoapps.catalog"


def catalog_integration() -> Any | None:
    """Return the platform's current ``CatalogIntegration`` configuration; None outside the platform."""
    if not apps.is_installed(_CATALOG_APP):
        return None
    from openedx.core.djangoapps.catalog.models import CatalogIntegration

    return CatalogIntegration.current()


def new_jwt(user: Any) -> str:
    """Return a new JWT for a user, made by the platform."""
    from openedx.core.djangoapps.oauth_dispatch.jwt import create_jwt_for_user

    return str(create_jwt_for_user(user))


def leaves_language_to_catalog() -> bool:
    """Tell whether a publish leaves an overview's language unchanged: it does if the catalog integration is on."""
    integration = catalog_integration()
    return integration is not None and bool(integration.enabled)


def languages() -> Mapping[str, str]:
    """Map this site's language codes in lower case with hyphens to the codes as the site writes them."""
    known = [*getattr(settings, "ALL_LANGUAGES", ()), *settings.LANGUAGES]
    return {code.lower().replace("_", "-"): code for code, _name in known}


def site_value(name: str, default: Any = None) -> Any:
    """Return a setting from the configuration of this request's site, else from Django's settings."""
    value = getattr(settings, name, default)
    if not apps.is_installed("openedx.core.djangoapps.site_configuration"):
        return value
    from openedx.core.djangoapps.site_configuration import helpers

    return helpers.get_value(name, value)


def feature(name: str) -> bool:
    """Tell whether a feature is on. Some releases have it in ``FEATURES``, others as a separate setting."""
    return bool(getattr(settings, "FEATURES", {}).get(name, getattr(settings, name, False)))
