"""Writes keys, and knows which of them are the artist's."""
