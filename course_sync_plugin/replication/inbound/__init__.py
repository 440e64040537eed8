"""Brings edits from linked systems back: looks at them, and keeps what is accepted as proposals for Open edX."""
