"""The solver as a process: its interpreter, its pipes and the state of its job. Imports no bpy."""
