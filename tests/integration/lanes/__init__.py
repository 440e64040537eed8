"""Tests of lanes with a database: claims, deliveries over HTTP, problems, and the protocol."""
