"""What pages of the host show of ours: filter steps for the instructor dashboard of the LMS."""
