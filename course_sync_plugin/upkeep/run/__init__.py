"""The work of the process ``course_sync run``: its threads, its pools of syncs and lanes, and its deliveries."""
