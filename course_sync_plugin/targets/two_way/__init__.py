"""What all two-way targets share: the contract of a site, and the budget of its requests."""
