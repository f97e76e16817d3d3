"""A catalogue from wherever it lies: found, recognised by its bytes, read in chunks."""
