"""Notices of other systems: they are verified and stored. Nothing is acted on here."""
