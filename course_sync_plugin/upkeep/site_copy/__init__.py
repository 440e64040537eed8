"""Writes the configuration of a site as one document, compares it with another site, and brings it there."""
