"""The parts of a drawn street: its plan, the pieces that stand in it, ground and light, and the canvas."""
