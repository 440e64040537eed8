"""The source that reads published courses from the modulestore of edx-platform."""
