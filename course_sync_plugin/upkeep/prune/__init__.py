"""Pruning: deletes rows that are old and that nothing needs, after they are summarised and, if asked for, archived."""
