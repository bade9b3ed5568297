"""What runs in the background of Blender, one at a time: a solve, a fit of the rig, the solver's installation."""
