"""What operators need: status, targets, retry and skip, approval, backfill, and the process ``course_sync run``."""
