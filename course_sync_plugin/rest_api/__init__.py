"""The REST API of the plugin, one package per version."""
