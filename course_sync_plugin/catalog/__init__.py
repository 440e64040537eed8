"""Catalog data back into the platform's course overviews."""
