"""How fast fastdl is: against the machine's own peak, against other libraries, and against one object per neuron."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # for `reference`, which says what must come out
