"""Daily summaries: the numbers of attempts and operations that stay when their rows are pruned."""
