"""The command `wsline`."""
