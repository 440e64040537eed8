"""A package beside the plugin: problems become assessments, with a table of their own. It edits nothing."""
