"""Parts of the page Scalars."""
