"""New labelled pairs of street scenes from a good run."""
