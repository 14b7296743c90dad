"""Rule files of other tools, read into tables like those of our own."""
