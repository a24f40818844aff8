"""What a drawn street is made of (see `gan/drawn/streets.py`)."""
