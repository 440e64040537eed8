"""Settings of the sandbox: SQLite and no services, unless the environment names others.

``DATABASE_URL`` and ``CELERY_BROKER_URL`` name real services; every setting of the plugin is taken from an environment
variable of the same name (lists separated by commas).
"""

import base64
import hashlib
import os
import sys
from pathlib import Path

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
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
# Each process has a cache of its own, in which waffle keeps its switches: a second later it sees what others turned.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "TIMEOUT": 1}}

DATABASES = {"default": database(os.environ.get("DATABASE_URL", f"sqlite:///{VAR / 'sandbox.sqlite3'}"))}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "")
# Without a broker nothing may try to reach one: an eager Celery runs nothing in the background.
CELERY_TASK_ALWAYS_EAGER = not CELERY_BROKER_URL

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"short": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "short"}},
    "loggers": {"course_sync_plugin": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "WARNING")}},
}


COURSE_SYNC_SOURCE = "sandbox.published.source.PublishedSource"
COURSE_SYNC_QUIET_SECONDS = 0
COURSE_SYNC_SECRET_KEYS = [base64.urlsafe_b64encode(hashlib.sha256(SECRET_KEY.encode()).digest()).decode()]


def _from_environment(default, text):
    """Read a value as the kind of thing its default is. Raises ValueError."""
    if isinstance(default, bool):
        return text.lower() in ("1", "true", "yes")
    if isinstance(default, list):
        kind = default[0] if default else ""
        return [_from_environment(kind, item.strip()) for item in text.split(",") if item.strip()]
    if isinstance(default, int):
        number = float(text)
        return int(number) if number.is_integer() else number
    return text or None


for _name, _default in common.DEFAULTS.items():
    if _name in os.environ:
        try:
            globals()[_name] = _from_environment(_default, os.environ[_name])
        except ValueError as _error:
            raise ImproperlyConfigured(f"{_name} is '{os.environ[_name]}' in the environment: {_error}") from None

# The platform's own names: how to reach the catalog, and where about links point.
COURSE_CATALOG_API_URL = os.environ.get("COURSE_CATALOG_API_URL", "")
BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL = os.environ.get("BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL", "")
BACKEND_SERVICE_EDX_OAUTH2_KEY = os.environ.get("BACKEND_SERVICE_EDX_OAUTH2_KEY", "")
BACKEND_SERVICE_EDX_OAUTH2_SECRET = os.environ.get("BACKEND_SERVICE_EDX_OAUTH2_SECRET", "")
LMS_ROOT_URL = os.environ.get("LMS_ROOT_URL", "http://127.0.0.1:8000")
FEATURES = {"ENABLE_MKTG_SITE": _from_environment(False, os.environ.get("ENABLE_MKTG_SITE", ""))}
SOCIAL_SHARING_SETTINGS = {"CUSTOM_COURSE_URLS": _from_environment(False, os.environ.get("CUSTOM_COURSE_URLS", ""))}

common.plugin_settings(sys.modules[__name__])
