"""The management commands of the plugin (``commands``) and the subcommands of ``course_sync`` (``subcommands``)."""
