"""Parts of the pages that show planes of a potential."""
