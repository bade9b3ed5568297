"""What was filmed: plates, the views of them that a solve keeps, and where a plate cuts."""
