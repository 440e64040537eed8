"""What the platform says of its catalog, its languages and its links: all imports of edx-platform for the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.conf import settings

_CATALOG_APP = "openedx.core.djangoapps.catalog"


def catalog_integration() -> Any | None:
    """Return the platform's ``CatalogIntegration`` as configured now; None outside the platform."""
    if not apps.is_installed(_CATALOG_APP):
        return None
    from openedx.core.djangoapps.catalog.models import CatalogIntegration

    return CatalogIntegration.current()


def new_jwt(user: Any) -> str:
    """Return a new JWT of the platform for a user."""
    from openedx.core.djangoapps.oauth_dispatch.jwt import create_jwt_for_user

    return str(create_jwt_for_user(user))


def leaves_language_to_catalog() -> bool:
    """Tell whether publishing leaves an overview's language alone, as it does where the catalog integration is on."""
    integration = catalog_integration()
    return integration is not None and bool(integration.enabled)


def languages() -> Mapping[str, str]:
    """Return the codes of this site's languages, in lower case with hyphens, and as the site writes them."""
    known = [*getattr(settings, "ALL_LANGUAGES", ()), *settings.LANGUAGES]
    return {code.lower().replace("_", "-"): code for code, _name in known}


def site_value(name: str, default: Any = None) -> Any:
    """Return a setting as the site of this request has it, else as Django's settings say."""
    value = getattr(settings, name, default)
    if not apps.is_installed("openedx.core.djangoapps.site_configuration"):
        return value
    from openedx.core.djangoapps.site_configuration import helpers

    return helpers.get_value(name, value)


def feature(name: str) -> bool:
    """Tell whether a feature is on; releases have it in ``FEATURES`` or as a setting of its own."""
    return bool(getattr(settings, "FEATURES", {}).get(name, getattr(settings, name, False)))
