# SPDX-License-Identifier: Apache-2.0
"""A Tutor plugin that installs and runs course-sync-plugin."""
