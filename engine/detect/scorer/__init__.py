"""Tells secrets from what merely stands where a secret could: a linear model over plain features of a match."""
