"""The two-way targets: each joins a site to the engine that decides which requests are made."""
