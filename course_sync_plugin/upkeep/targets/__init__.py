"""Manages targets for operators: adds, changes, lists and removes them, and sets their secrets and contexts."""
