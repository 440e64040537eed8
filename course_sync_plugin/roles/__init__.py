"""Who may see what, and who may act: on the whole site, in an organisation, or in a course."""
