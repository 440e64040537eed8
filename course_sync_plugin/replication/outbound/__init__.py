"""Carries changes of a course to a linked system: which objects to create, change, move and delete there."""
