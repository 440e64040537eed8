"""The state of targets, lanes, courses, held runs and problems, and of the processes that do the work."""
