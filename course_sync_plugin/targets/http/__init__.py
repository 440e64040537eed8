"""The parts that all HTTP targets share: the client, the deadline, the address check, the errors."""
