"""Studies: whether generated images help, against everything that people do without them."""
