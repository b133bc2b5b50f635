"""Text: read, taken apart into characters or words, as numbers, and written."""
