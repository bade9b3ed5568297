"""Takes: every solve is kept, compared, adjusted, blended and made current again."""
