"""Mirrors discussions between Canvas and Discourse: each topic and each post has its home where it was begun."""
