"""Tests of the rules of a lane that need no database: batches, blocked operations, repairs, verdicts."""
