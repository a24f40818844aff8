"""Commands in bad places: full disks, read-only folders, locked databases, clocks that jump, two at once."""
