"""What other scanners were told to leave out, as claims: one file a scanner, `FORMATS` in `reading` lists them."""
