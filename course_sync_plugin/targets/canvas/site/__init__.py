"""A course in Canvas as a site: what its entities become there, where that stands, and the calls for it."""
