"""Classes filled up with generated images."""
