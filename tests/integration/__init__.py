"""Tests of several modules together, with a database and without a service."""
