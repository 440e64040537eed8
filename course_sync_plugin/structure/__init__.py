"""Sources of structures: the contract of a source, the builder, the values and digests that all sources share."""
