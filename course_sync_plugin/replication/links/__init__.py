"""Links join a course to its counterpart at a two-way target."""
