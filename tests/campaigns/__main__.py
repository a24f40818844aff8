"""All campaigns, one after the other: `uv run python -m tests.campaigns`; some minutes."""

from tests.campaigns import damaged_files, killed_trainings, served_load

damaged_files.main()
killed_trainings.main()
served_load.main()
