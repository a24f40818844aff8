"""Real and drawn images as arrays."""
