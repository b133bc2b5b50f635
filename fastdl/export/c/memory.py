"""Places tensors in a shared workspace, where later ones reuse the memory of those no longer needed."""

from __future__ import annotations

from typing import NamedTuple


class Held(NamedTuple):
    """A number of values that are needed from one step to another, both included."""

    size: int
    first: int
    last: int


def places_of(held: list[Held]) -> tuple[list[int], int]:
    """Return the place of each, and the size of all: from the largest on, each goes to the first free place."""
    places = [0] * len(held)
    placed: list[int] = []
    for one in sorted(range(len(held)), key=lambda k: -held[k].size):
        place = 0
        for other in sorted(placed, key=places.__getitem__):
            together = held[one].first <= held[other].last and held[other].first <= held[one].last
            if together and places[other] < place + held[one].size:
                place = max(place, places[other] + held[other].size)
        places[one] = place
        placed.append(one)
    return places, max((place + one.size for place, one in zip(places, held, strict=True)), default=0)
