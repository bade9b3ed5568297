"""What the head looks like: albedo, light, textures, and the picture made of them."""
