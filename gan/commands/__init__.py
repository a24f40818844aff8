"""Entry points beside the scripts: `python -m gan.commands.<name>`."""
