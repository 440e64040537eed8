"""The resources, a module for each: what is shown of a row, how a list is filtered, and who sees which row."""
