"""Makes input from outside safe: text that is printed, logged or stored, and numbers that must have bounds."""
