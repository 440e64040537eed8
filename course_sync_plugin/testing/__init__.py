"""The kits for tests: a webhook receiver, a catalog server, and the contract suite for targets."""
