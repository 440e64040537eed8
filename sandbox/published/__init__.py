"""The sandbox's counterpart of Studio: it publishes OLX exports and is the source that the plugin reads."""
