"""What a solve looks like: curves, pictures and numbers of a solution, as a page that opens in a browser."""
