"""Compares two structures and gives the operations between them: engine, handlers, ordering. Pure, without I/O."""
