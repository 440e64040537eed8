"""What happened, in one order of time: runs, operations, attempts and actions of operators."""
