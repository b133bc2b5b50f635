"""The states of recurrent operations, kept between calls, and converted between the core's form and the users'.

For users a state is an array (N, units), or for an LSTM a pair (h, c); of two directions it is a pair of such states.
In the core each sample has a row, in which all its states follow one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core.reading import Reading, States
from .._turn import Turn
from .._types import Array
from .._validation.arrays import as_array

State = Any


class Stateful:
    """The states from which a layer or a network continues, if any of its operations is stateful."""

    reading: Reading
    dtype: str
    turn: Turn
    _states: Array | None = None

    def reset_state(self) -> None:
        """Reset the states, so that the next sequences of stateful operations start from zeros."""
        vars(self)["_states"] = None

    @property
    def state(self) -> Any:
        """The states from which the next batch continues: one for each recurrent operation, None for stateless ones.

        None if they start from zeros. Assigned states, in the same form, are copied.
        """
        with self.turn.lock:
            if self._states is None:
                return None
            kept = self.reading.states
            return [
                state_of(states, rows) if states.stateful else None
                for states, rows in zip(kept, columns_of(kept, self._states), strict=True)
            ]

    @state.setter
    def state(self, state: Any) -> None:
        if state is None:
            self.reset_state()
            return
        kept = self.reading.states
        if not self.reading.stateful or not isinstance(state, (list, tuple)) or len(state) != len(kept):
            raise ValueError(
                f"state must have one for each of the {len(kept)} recurrent layers, of which some are stateful; "
                f"received {state!r}"
            )
        for k, (states, given) in enumerate(zip(kept, state, strict=True)):
            if given is not None and not states.stateful:
                raise ValueError(
                    f"state[{k}] must be None, as that recurrent layer is not stateful; received {type(given).__name__}"
                )
        first = next((given for given in state if given is not None), None)
        if first is None:
            self.reset_state()
            return
        samples = len(first[0] if isinstance(first, tuple) else first)
        rows = [rows_of(*pair, "state", samples, self.dtype) for pair in zip(kept, state, strict=True)]
        self._states = np.hstack(rows)

    @property
    def flat_states(self) -> Array | None:
        """The states as rows (N, S), live; None if they start from zeros."""
        return self._states

    @flat_states.setter
    def flat_states(self, states: Array | None) -> None:
        self._states = states

    def states_for(self, samples: int) -> Array | None:
        """Return the states from which a batch of this many samples continues, to be updated in place; or None."""
        if not self.reading.stateful:
            return None
        if self._states is None:
            self._states = np.zeros((samples, sum(states.size for states in self.reading.states)), self.dtype)
        if len(self._states) != samples:
            raise ValueError(
                f"x must have the {len(self._states)} samples that the states are of, or reset_state() come first; "
                f"received {samples}"
            )
        return self._states


def rows_of(states: States, state: State, name: str, samples: int, dtype: str) -> Array:
    """Check a state and give it as rows (N, S); None gives zeros."""
    if state is None:
        return np.zeros((samples, states.size), dtype)
    if states.directions == 2:
        one = states._replace(directions=1)
        both = _pair(state, name, "of the two directions' states")
        return np.hstack([rows_of(one, part, f"{name}[{k}]", samples, dtype) for k, part in enumerate(both)])
    rows = np.zeros((samples, states.parts, states.units), dtype)
    for k, part in enumerate(_pair(state, name, "(h, c)") if states.parts == 2 else (state,)):
        array = as_array(part, name, dtype)
        if array.shape != (samples, states.units):
            raise ValueError(f"{name} must have shape ({samples}, {states.units}); received {array.shape}")
        rows[:, k] = array
    return rows.reshape(samples, -1)


def state_of(states: States, rows: Array) -> State:
    """Return a copy of rows in the form that users see."""
    if states.directions == 2:
        one = states._replace(directions=1)
        return state_of(one, rows[:, : one.size]), state_of(one, rows[:, one.size :])
    if states.parts == 1:
        return rows.copy()
    return rows[:, : states.units].copy(), rows[:, states.units :].copy()


def columns_of(operations: Sequence[States], rows: Array) -> list[Array]:
    """Split rows into the columns of each operation."""
    return np.split(rows, np.cumsum([states.size for states in operations])[:-1], axis=1)


def _pair(state: State, name: str, what: str) -> tuple[State, State]:
    if not isinstance(state, (tuple, list)) or len(state) != 2:
        raise ValueError(f"{name} must be a pair {what}; received {type(state).__name__}")
    return state[0], state[1]
