"""Set Up: finds what a solve needs, says what is missing, and keeps settings as presets."""
