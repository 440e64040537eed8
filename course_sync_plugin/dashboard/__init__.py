"""Pages for operators at ``/course_sync/`` in Studio and the LMS."""
