"""Reads catalog data and writes it into the platform's course overviews."""
