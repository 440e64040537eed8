"""Background jobs: actions of operators that concern too much for one request."""
