"""`gossip watch`: targets that are followed until somebody stops it."""
