"""Reads the rows of the catalog: their fields, their values, and who owns each column."""
