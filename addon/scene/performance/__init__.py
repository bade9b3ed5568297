"""The performance as a table that other programs read: Live Link Face's CSV with ARKit's names."""
