"""The actor's head: its mesh and shape keys, its bones, how it stands, and where landmarks lie on it."""
