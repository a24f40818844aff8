"""Street scenes: pairs of label map and photo."""
