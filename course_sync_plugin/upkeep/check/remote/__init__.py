"""Compares the ledger, a linked system and the course, without trust in any of them, and mends what differs."""
