"""Tests of the journal with a database."""
