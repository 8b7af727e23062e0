"""Who may look at the pages."""
