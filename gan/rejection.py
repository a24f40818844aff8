"""Rejection sampling: generate until enough is accepted."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def until_enough(
    tries: Iterable[Item], accept: Callable[[Item], bool], count: int, most_tries: Callable[[int], int]
) -> Iterator[Item]:
    """All tries, rejected ones too, until so many are accepted or too many were made.

    Args:
        tries: what is generated, in order; it may be endless.
        accept: whether a try counts.
        count: how many to accept, 1 or more.
        most_tries: gives the number of tries after which it ends, from the number of those that are accepted.
    """
    accepted = 0
    for tried, item in enumerate(tries, 1):
        accepted += accept(item)
        yield item
        if accepted == count or tried >= most_tries(accepted):
            return
