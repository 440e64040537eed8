"""The tests: unit, integration, services and platform."""
