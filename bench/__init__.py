"""How fast fastdl is: against the machine's own peak, against other libraries, and against one object per neuron."""
