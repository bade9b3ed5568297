"""What is drawn over the 3D Viewport."""
