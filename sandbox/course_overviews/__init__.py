"""The sandbox's counterpart of the platform's app ``course_overviews``."""
