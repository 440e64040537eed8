"""The journal of each course and its entities as recorded; lanes and sync use both."""
