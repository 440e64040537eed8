"""Tests of the protocol between a site and its receivers: an in-memory model, and the schema of messages."""
