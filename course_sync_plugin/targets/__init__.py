"""The targets: the systems that receive operations."""
