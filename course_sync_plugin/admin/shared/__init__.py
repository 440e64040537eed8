"""The parts that all pages in the Django admin share: permissions, paging, search, columns, and actions on rows."""
