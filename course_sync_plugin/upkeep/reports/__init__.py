"""What the pages and the API show besides the status: reports that read a bounded number of rows."""
