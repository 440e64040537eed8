"""Tells people what needs them: rules say when, channels say how, and notices keep what was found and told."""
