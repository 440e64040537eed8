"""The client for course-discovery: signing in, paging, limits."""
