"""What a drawn street is made of (see `gan/data/streets.py`)."""
