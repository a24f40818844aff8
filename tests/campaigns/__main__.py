"""All campaigns, one after the other: `uv run python -m tests.campaigns`; some minutes."""

from tests.campaigns import damaged_files, kills, mutated_files, served_load

damaged_files.main()
mutated_files.main()
kills.main(200)
served_load.main()
