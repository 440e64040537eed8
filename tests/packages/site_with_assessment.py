"""Settings of the sandbox with the package ``assessment`` installed."""

from sandbox.settings import *  # noqa: F403
from sandbox.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "assessment"]
