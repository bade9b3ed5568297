"""Face Solve's solver: head pose and shape-key weights from footage. Never imports bpy."""

__version__ = "0.1.1"
