"""Git repositories: history by object, ranges, the index, the checkout."""
