# A recursive layer: trees, computed bottom-up by one composition of children, with the same weights
# at every node.
#
#     MATRIX      y = f(x W + b)           x: the children's y, side by side (article 7, equation 1)
#     TENSOR      y = f(x W + z V + b)     z: x_i x_j / n for i <= j, the products of all pairs of n
#                                          numbers (Socher et al. 2013, where they are not divided)
#     TREE_LSTM   i, o, f_k = sigmoid, g = tanh of x W + b, gates in the order i o g f_1 f_2 ...
#                 c = i g + sum over children of f_k c_k,  y = o tanh c
#                 (Tai, Socher and Manning 2015)
#
# A leaf's y is the vector that stands there; with TREE_LSTM that is its c, and y = tanh c. What a
# node's product reads are its `features`: x, and z after it. So W and V are one matrix, and a
# composition is a dense layer of features.
#
# A node is a row of the network's tensors. Rows of a group lie in the order of heights, leaves
# first, whatever tree they belong to: nodes of one height are one product. A row comes out the same
# to the bit, however many there are beside it.
#
# Going back, the y's gradient of a node (of TREE_LSTM its gates) turns into that of the product, in
# place, and the gradient of the weights waits for the whole batch: one product for each group.

cdef enum Composing:
    MATRIX, TENSOR, TREE_LSTM

_COMPOSITIONS = {"matrix": MATRIX, "tensor": TENSOR, "lstm": TREE_LSTM}

# How many children a node may have, and how many nodes of one height go back together: their
# features' gradients are scratch.
cdef enum:
    MOST_CHILDREN = 16
    ROWS_BACK = 32


cdef struct Composition:
    int kind, activation
    real setting                    # of the activation
    Py_ssize_t arity, units         # children of a node, and how wide it is
    Matrix w                        # (features, columns), W and V, the bias below them
    real* features                  # of each row, as all of these are
    real* gates                     # of TREE_LSTM
    real* c
    Py_ssize_t features_stride, gates_stride, c_stride


cdef struct Nodes:
    # Rows that are computed together: those of a group, or of a parser's search.
    const int* child
    real* y
    real* features
    real* gates
    real* c
    Py_ssize_t y_stride


cdef void describe_composition(Composition* p, int kind, int activation, real setting,
                               Py_ssize_t arity, Py_ssize_t units,
                               Py_ssize_t offset) noexcept nogil:
    cdef Py_ssize_t inputs = arity * units
    cdef Py_ssize_t features = inputs + (inputs * (inputs + 1) // 2 if kind == TENSOR else 0)
    cdef Py_ssize_t columns = units * (3 + arity if kind == TREE_LSTM else 1)
    memset(p, 0, sizeof(Composition))
    p.kind, p.activation, p.setting, p.arity, p.units = kind, activation, setting, arity, units
    describe_matrix(&p.w, offset, features, columns, columns)
    p.w.bias = offset + features * p.w.columns
    p.features_stride = padded(features) + VEC_LANES
    p.gates_stride = padded(columns) + VEC_LANES
    p.c_stride = padded(units) + VEC_LANES


cdef void compose(const Composition* p, const real* parameters, int worker, const Nodes* q,
                  Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # Rows first to last, whose children are there.
    cdef Py_ssize_t r, k, units = p.units, arity = p.arity
    cdef bint gated = p.kind == TREE_LSTM
    cdef const int* child
    cdef const real* below[MOST_CHILDREN]
    cdef real* features
    for r in range(first, last):
        features, child = q.features + r * p.features_stride, q.child + r * arity
        for k in range(arity):
            memcpy(features + k * units, q.y + child[k] * q.y_stride, units * sizeof(real))
        if p.kind == TENSOR:
            pair_products(features, arity * units, features + arity * units)
    multiply_panels(p.w.panels + worker * p.w.panels_stride, p.w.rows, parameters + p.w.bias, 0,
                    q.features + first * p.features_stride, p.features_stride,
                    q.gates + first * p.gates_stride if gated else q.y + first * q.y_stride,
                    p.gates_stride if gated else q.y_stride, last - first, p.w.columns)
    for r in range(first, last):
        if not gated:
            activate(p.activation, p.setting, q.y + r * q.y_stride, units)
            continue
        child = q.child + r * arity
        for k in range(arity):
            below[k] = q.c + child[k] * p.c_stride
        tree_cell(q.gates + r * p.gates_stride, below, arity, q.c + r * p.c_stride,
                  q.y + r * q.y_stride, units)


cdef void plant(const Composition* p, const Nodes* q, Py_ssize_t row, const real* x) noexcept nogil:
    # A leaf.
    memcpy(q.y + row * q.y_stride, x, p.units * sizeof(real))
    if p.kind == TREE_LSTM:
        memcpy(q.c + row * p.c_stride, x, p.units * sizeof(real))
        activate(TANH, 0, q.y + row * q.y_stride, p.units)


cdef void decompose(const Composition* p, int worker, const Nodes* q, Py_ssize_t first,
                    Py_ssize_t last, const real* zeros, real* dy, Py_ssize_t dy_stride, real* dc,
                    real* scratch) noexcept nogil:
    # Rows first to last, at most ROWS_BACK, whose own gradients are there, to their products and
    # their children.
    cdef Py_ssize_t r, k, j, units = p.units, arity = p.arity
    cdef bint gated = p.kind == TREE_LSTM
    cdef const int* child
    cdef const real* below[MOST_CHILDREN]
    cdef real* d_below[MOST_CHILDREN]
    cdef real* d
    cdef real* asked
    for r in range(first, last):
        if not gated:
            activate_backward(p.activation, p.setting, dy + r * dy_stride, q.y + r * q.y_stride,
                              units)
            continue
        child = q.child + r * arity
        for k in range(arity):
            below[k], d_below[k] = q.c + child[k] * p.c_stride, dc + child[k] * p.c_stride
        tree_cell_backward(q.gates + r * p.gates_stride, below, d_below, arity,
                           q.c + r * p.c_stride, dy + r * dy_stride, dc + r * p.c_stride, units)
    multiply_panels(p.w.transposed + worker * p.w.transposed_stride, p.w.columns, zeros, 0,
                    q.gates + first * p.gates_stride if gated else dy + first * dy_stride,
                    p.gates_stride if gated else dy_stride, scratch, p.features_stride,
                    last - first, p.w.rows)
    for r in range(first, last):
        d, child = scratch + (r - first) * p.features_stride, q.child + r * arity
        if p.kind == TENSOR:
            # The run of pairs that follows is not to be spilled on.
            asked = scratch + ROWS_BACK * p.features_stride
            memcpy(asked, d, arity * units * sizeof(real))
            pair_products_backward(d + arity * units, q.features + r * p.features_stride,
                                   arity * units, asked)
            d = asked
        for k in range(arity):
            add_slice(dy + child[k] * dy_stride, d + k * units, units)


cdef void add_composition_gradient(const Composition* p, const real* zeros, const real* features,
                                   const real* d, Py_ssize_t d_stride, Py_ssize_t nodes, bint adds,
                                   Py_ssize_t start, Py_ssize_t stop, real* gradients,
                                   const real* parameters) noexcept nogil:
    # Rows start to stop of W's and V's gradient and of the bias's, over nodes that follow one
    # another.
    cdef const Matrix* w = &p.w
    cdef real* total = gradients + w.offset + start * w.step
    cdef Product q
    if start < w.rows:
        q = product(nodes, x=features + start, row_step=1, x_step=p.features_stride,
                    w=d, w_step=d_stride, init=zeros, init_step=0, c=total, c_step=w.step)
        q.may_pack = True
        if adds:
            q.init, q.init_step = total, w.step
        else:
            q.next = parameters + w.offset + start * w.step
        multiply(&q, min(stop, w.rows) - start, w.columns)
    if stop > w.rows:
        if not adds:
            memset(gradients + w.bias, 0, w.columns * sizeof(real))
        sum_rows(d, d_stride, nodes, w.columns, gradients + w.bias)
