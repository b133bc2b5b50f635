"""What of a layer lives in the core: built anew, not copied, when the layer is copied or pickled."""

from __future__ import annotations

from typing import Any, ClassVar


class Built:
    """A class whose ``_build`` makes the attributes that ``_built`` names, from the others."""

    _built: ClassVar[tuple[str, ...]]

    def _build(self) -> None:
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in self._built}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._build()
