"""What every kernel must compute, in slow and obvious NumPy: the specification, with a file for each idea."""

from .activations import *
from .attention import *
from .augmentation import *
from .combinators import *
from .convolution import *
from .dense import *
from .embeddings import *
from .losses import *
from .network import *
from .normalization import *
from .optimizers import *
from .parsing import *
from .pooling import *
from .randomness import *
from .recurrent import *
from .recursive import *
from .shapes import *
from .windows import *
