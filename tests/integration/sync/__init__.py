"""Tests of the publish path with a database: due courses, syncs, records, held runs, sweeps."""
