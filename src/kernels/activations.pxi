# The table of activations, and what others call: an activation of its number, over rows.
#
# To add one: in activation_functions.pxi a function of a vector, one for its derivative, and the
# loop over each (`..._forward`, `..._backward`); here a member of `Activation`, and a row.

cdef enum Activation:
    IDENTITY, RELU, SIGMOID, TANH, SOFTMAX, LEAKY_RELU, GELU, ELU, SELU, SILU, SOFTPLUS
    HARD_SIGMOID, HARD_TANH, HARD_SILU, RELU6, ACTIVATIONS


cdef struct ActivationRow:
    const char* name
    bint of_input               # the derivative is told from the input, not from the output
    bint of_row                 # each number depends on all of its row, not on one alone
    void (*forward)(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil
    void (*backward)(const real* dy, const real* seen, real* dx, real setting,
                     Py_ssize_t n) noexcept nogil


cdef ActivationRow[15] ACTIVATION_ROWS = [
    ActivationRow(b"identity", False, False, identity_forward, identity_backward),
    ActivationRow(b"relu", False, False, relu_forward, relu_backward),
    ActivationRow(b"sigmoid", False, False, sigmoid_forward, sigmoid_backward),
    ActivationRow(b"tanh", False, False, tanh_forward, tanh_backward),
    ActivationRow(b"softmax", False, True, softmax_forward, softmax_backward),
    ActivationRow(b"leaky_relu", False, False, leaky_relu_forward, leaky_relu_backward),
    ActivationRow(b"gelu", True, False, gelu_forward, gelu_backward),
    ActivationRow(b"elu", False, False, elu_forward, elu_backward),
    ActivationRow(b"selu", False, False, selu_forward, selu_backward),
    ActivationRow(b"silu", True, False, silu_forward, silu_backward),
    ActivationRow(b"softplus", False, False, softplus_forward, softplus_backward),
    ActivationRow(b"hard_sigmoid", False, False, hard_sigmoid_forward, hard_sigmoid_backward),
    ActivationRow(b"hard_tanh", False, False, hard_tanh_forward, hard_tanh_backward),
    ActivationRow(b"hard_silu", True, False, hard_silu_forward, hard_silu_backward),
    ActivationRow(b"relu6", False, False, relu6_forward, relu6_backward),
]
has_rows(ACTIVATIONS, 15)

_ACTIVATIONS = {ACTIVATION_ROWS[k].name.decode(): k for k in range(ACTIVATIONS)}
# Those that a layer can have fused, as its output is all that is kept.
_FUSED = {name: k for name, k in _ACTIVATIONS.items() if not ACTIVATION_ROWS[k].of_input}


# In place, over whole vectors: rows are padded to that.

cdef inline void activate_steps(int kind, real setting, real* x, Py_ssize_t n,
                                Py_ssize_t steps) noexcept nogil:
    # n numbers, `steps` rows of them.
    cdef const ActivationRow* a = &ACTIVATION_ROWS[kind]
    cdef Py_ssize_t t, row
    if a.of_row:
        for t in range(steps):
            row = t * (n // steps)
            a.forward(x + row, x + row, setting, n // steps)
    else:
        a.forward(x, x, setting, padded(n))


cdef inline void activate_backward_steps(int kind, real setting, real* dy, const real* y,
                                         Py_ssize_t n, Py_ssize_t steps) noexcept nogil:
    # The gradient with respect to the input, in place of that with respect to the output, y.
    cdef const ActivationRow* a = &ACTIVATION_ROWS[kind]
    cdef Py_ssize_t t, row
    if a.of_row:
        for t in range(steps):
            row = t * (n // steps)
            a.backward(dy + row, y + row, dy + row, setting, n // steps)
    else:
        a.backward(dy, y, dy, setting, padded(n))


cdef inline void activate(int kind, real setting, real* x, Py_ssize_t n) noexcept nogil:
    activate_steps(kind, setting, x, n, 1)


cdef inline void activate_backward(int kind, real setting, real* dy, const real* y,
                                   Py_ssize_t n) noexcept nogil:
    activate_backward_steps(kind, setting, dy, y, n, 1)


# From where the input stays to elsewhere, and no number further than n.

cdef inline void activate_from_input(int kind, real setting, const real* x, real* y,
                                     Py_ssize_t n) noexcept nogil:
    ACTIVATION_ROWS[kind].forward(x, y, setting, n)


cdef inline void activate_from_input_backward(int kind, real setting, const real* x, const real* dy,
                                              real* dx, Py_ssize_t n) noexcept nogil:
    # For an activation whose derivative is computed from its input.
    ACTIVATION_ROWS[kind].backward(dy, x, dx, setting, n)
