"""Names of a package that are imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from ._hints.names import no_such_name


def lazily(
    within: dict[str, Any], modules: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a `__getattr__` and a `__dir__` for a package whose modules are imported on first use.

    Parameters
    ----------
    within : dict
        The package's globals.
    modules : mapping of str to sequence of str
        The names that each of its modules provides; an empty sequence if the module itself is the name.
    """
    package = within["__name__"]
    places = {name: module for module, names in modules.items() for name in names or (module,)}

    def get(name: str) -> Any:
        if name not in places:
            no_such_name(package, name, within["__all__"])
        module = import_module(f"{package}.{places[name]}")
        within[name] = found = getattr(module, name) if modules[places[name]] else module
        return found

    def names() -> list[str]:
        return sorted({*within, *places})

    return get, names
