"""Notices from other systems: who may send them, and which objects they name."""
