"""The kinds of step, a file each: their settings, the frames that they change, and how they run."""
