"""The publish path: finds due courses, reads, compares and records them, holds mass deletions, and sweeps."""
