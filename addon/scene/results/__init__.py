"""What the solver said of each frame, and what it left for drawing."""
