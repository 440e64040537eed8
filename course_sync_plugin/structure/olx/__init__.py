"""The source that reads OLX exports, as an archive or a folder."""
