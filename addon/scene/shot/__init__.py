"""Makes a shot folder of the scene."""
