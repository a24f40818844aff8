"""All campaigns, one after the other: `uv run python -m tests.campaigns`; some minutes."""

from tests.campaigns import damaged_files, killed_trainings, mutated_files, served_load

damaged_files.main()
mutated_files.main()
killed_trainings.main()
served_load.main()
