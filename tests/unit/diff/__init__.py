"""Tests of the diff: operations, their order, the tree that applies them, and the table for people."""
