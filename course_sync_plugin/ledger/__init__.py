"""What each site is known to hold of a course: version vectors and causal time. Lanes and replication stand on it."""
