"""Two-way targets: merges what was changed at other sites with what was changed in Open edX."""
