"""Tests of the sources of structures: OLX exports, documents of the modulestore, values and digests."""
