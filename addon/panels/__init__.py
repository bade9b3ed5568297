"""The sidebar tab: one panel for each step of the work, in its order."""
