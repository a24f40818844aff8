"""Wall and processor time, of what runs inside it."""

import time


class Clock:
    """Counts while it is entered, and not between.

    Args:
        seconds: wall time counted before.
        cpu_seconds: processor time counted before, of all threads of this process together.
    """

    def __init__(self, seconds: float = 0.0, cpu_seconds: float = 0.0):
        self.seconds, self.cpu_seconds = seconds, cpu_seconds

    def __enter__(self) -> "Clock":
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.cpu_seconds += time.process_time() - self._began[1]
