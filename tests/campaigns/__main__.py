"""All campaigns, one after the other: `uv run python -m tests.campaigns`; some minutes."""

from tests.campaigns import damaged_files, killed_trainings

damaged_files.main()
killed_trainings.main()
