"""Optical flow: what a flow network is, how far its vectors can be trusted, DIS, and the networks."""
