"""Signs and streets that the program draws itself."""
