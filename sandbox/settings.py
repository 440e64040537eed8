"""Settings of the sandbox: SQLite and no services, unless the environment names others.

``DATABASE_URL`` and ``CELERY_BROKER_URL`` name real services. Each setting of the plugin can be set in an environment
variable of the same name (items of a list are separated by commas; those of a dictionary are ``name=value``).
"""

import base64
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from course_sync_plugin.settings import common
from sandbox.databases import database

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("SANDBOX_VAR", ROOT / "var"))
VAR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-the-sandbox")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
TIME_ZONE = "UTC"
USE_TZ = True
ROOT_URLCONF = "sandbox.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOCALE_PATHS: list[str] = []

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "config_models",
    "waffle",
    "sandbox.published",
    "sandbox.course_overviews",
    "course_sync_plugin",
]
MIDDLEWARE = [
    "crum.CurrentRequestUserMiddleware",
    "edx_django_utils.cache.middleware.RequestCacheMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
LOGIN_URL = "/login/"  # the form of the admin lets only staff in
# No monitoring tool. By default edx-django-utils looks for New Relic, and warns that it is not installed.
OPENEDX_TELEMETRY: list[str] = []
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
# Each process has a cache of its own, in which waffle keeps its switches. The timeout of one second lets a process see
# a switch that another process has turned.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "TIMEOUT": 1}}

DATABASES = {"default": database(os.environ.get("DATABASE_URL", f"sqlite:///{VAR / 'sandbox.sqlite3'}"))}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "")
# Without a broker, an eager Celery keeps every task from trying to reach one.
CELERY_TASK_ALWAYS_EAGER = not CELERY_BROKER_URL

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"short": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "short"}},
    "loggers": {"course_sync_plugin": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "WARNING")}},
}


COURSE_SYNC_SOURCE = "sandbox.published.source.PublishedSource"
COURSE_SYNC_WRITER = "sandbox.published.writer.SandboxWriter"
COURSE_SYNC_ROLES = "sandbox.published.roles.SandboxRoles"
COURSE_SYNC_QUIET_SECONDS = 0
COURSE_SYNC_SECRET_KEYS = [base64.urlsafe_b64encode(hashlib.sha256(SECRET_KEY.encode()).digest()).decode()]


def _from_environment(default: Any, text: str) -> Any:
    """Return a value of the type that the default has. Raises ValueError if the text is no such value."""
    if isinstance(default, bool):
        return text.lower() in ("1", "true", "yes")
    if isinstance(default, list):
        kind = default[0] if default else ""
        return [_from_environment(kind, item.strip()) for item in text.split(",") if item.strip()]
    if isinstance(default, dict):
        pairs = (item.partition("=") for item in text.split(",") if item.strip())
        return {name.strip(): _number_or_text(value.strip()) for name, _equals, value in pairs}
    if isinstance(default, int):
        number = float(text)
        return int(number) if number.is_integer() else number
    return text if isinstance(default, str) else text or None


def _number_or_text(text: str) -> Any:
    return int(text) if text.isdecimal() else text


for _name, _default in common.DEFAULTS.items():
    if _name in os.environ:
        try:
            globals()[_name] = _from_environment(_default, os.environ[_name])
        except ValueError as _error:
            raise ImproperlyConfigured(f"{_name} is '{os.environ[_name]}' in the environment: {_error}") from None

# Settings of the platform: how it makes and verifies the tokens of its users.
_ISSUER = {
    "ISSUER": f"{os.environ.get('LMS_ROOT_URL', 'http://127.0.0.1:8000')}/oauth2",
    "AUDIENCE": "sandbox",
    "SECRET_KEY": hashlib.sha256(SECRET_KEY.encode()).hexdigest(),
}
JWT_AUTH = {
    "JWT_ALGORITHM": "HS256",
    "JWT_AUTH_HEADER_PREFIX": "JWT",
    "JWT_VERIFY_AUDIENCE": True,
    "JWT_ISSUERS": [_ISSUER],
    **{f"JWT_{name}": value for name, value in _ISSUER.items()},
}
# Settings of the platform: how to reach the catalog, and where about links point.
COURSE_CATALOG_API_URL = os.environ.get("COURSE_CATALOG_API_URL", "")
BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL = os.environ.get("BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL", "")
BACKEND_SERVICE_EDX_OAUTH2_KEY = os.environ.get("BACKEND_SERVICE_EDX_OAUTH2_KEY", "")
BACKEND_SERVICE_EDX_OAUTH2_SECRET = os.environ.get("BACKEND_SERVICE_EDX_OAUTH2_SECRET", "")
LMS_ROOT_URL = os.environ.get("LMS_ROOT_URL", "http://127.0.0.1:8000")
FEATURES = {"ENABLE_MKTG_SITE": _from_environment(False, os.environ.get("ENABLE_MKTG_SITE", ""))}
SOCIAL_SHARING_SETTINGS = {"CUSTOM_COURSE_URLS": _from_environment(False, os.environ.get("CUSTOM_COURSE_URLS", ""))}

common.plugin_settings(sys.modules[__name__])
