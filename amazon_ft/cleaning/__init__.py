"""A catalogue cleaned: rules in order, every row counted, near duplicates found, a page that shows it."""
