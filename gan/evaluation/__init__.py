"""Judges trained on real images, and what they and other scores say of generated ones."""
