"""Work on many files at once, on all cores."""

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from gan.machine import cores

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], threads: int = 0) -> Iterator[Result]:
    """The results of a function, in the order of its arguments, computed a few ahead in threads.

    Decoding, resizing and encoding images, unpacking and hashing all run outside of Python's lock, so that threads
    keep the cores busy, and no array has to be sent from process to process.

    Args:
        work: the function; it is called from several threads at once.
        items: its arguments.
        threads: how many; one for each core if not given.

    Raises:
        Exception: what `work` raised first, in the order of the arguments; nothing new is begun after it.
    """
    threads = threads or cores()
    rest = iter(items)
    pool = ThreadPoolExecutor(threads)
    waiting: collections.deque[Future[Result]] = collections.deque()
    try:
        for item in itertools.islice(rest, 2 * threads):
            waiting.append(pool.submit(work, item))
        while waiting:
            result = waiting.popleft().result()
            for item in itertools.islice(rest, 1):
                waiting.append(pool.submit(work, item))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
