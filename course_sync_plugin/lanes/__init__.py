"""Delivery: claims lanes, makes and sends envelopes, decides on retries, and keeps problems, repairs and snapshots."""
