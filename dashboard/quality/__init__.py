"""Parts of the page Flow quality: subsets, projections, and words about their maps."""
