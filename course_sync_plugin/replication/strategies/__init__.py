"""Conflict strategies: which side is taken if two sites changed the same field without knowing of each other."""
