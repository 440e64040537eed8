# SPDX-License-Identifier: Apache-2.0
"""The version of this package. It is the version of course-sync-plugin that it installs."""

__version__ = "0.1.0"
