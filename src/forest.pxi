# Recursive layers in a network: how a group's trees are laid out as rows, and the way through them.

cdef inline Py_ssize_t tree_size(const Forest* f, Py_ssize_t tree) noexcept nogil:
    return <Py_ssize_t>(f.start[tree + 1] - f.start[tree])


cdef Py_ssize_t nodes_of(const Forest* f, const int64_t* order, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # How many nodes the trees first to last of the order have.
    cdef Py_ssize_t i, total = 0
    if order == NULL:
        return <Py_ssize_t>(f.start[last] - f.start[first])
    for i in range(first, last):
        total += tree_size(f, order[i])
    return total


cdef void lay_group(const Forest* f, int worker, Py_ssize_t group, Py_ssize_t row, const int64_t* order, Py_ssize_t first,
                    Py_ssize_t last) noexcept nogil:
    # The nodes of trees first to last of the order, from this row on, by a counting sort of heights.
    cdef int* place = f.scratch + worker * f.scratch_stride
    cdef int* next                  # of each height: the row that its next node takes
    cdef int* child
    cdef Py_ssize_t i, n, k, start, largest = 0, heights = 1
    cdef int height, total = 0, count
    for i in range(first, last):
        largest = max(largest, tree_size(f, order[i] if order != NULL else i))
    next = place + largest
    memset(next, 0, (largest + 1) * sizeof(int))
    for i in range(first, last):
        start = f.start[order[i] if order != NULL else i]
        for n in range(tree_size(f, order[i] if order != NULL else i)):
            height = f.height[start + n]
            next[height] += 1
            heights = max(heights, height + 1)
    f.leaves[group] = next[0]
    for i in range(heights):
        count = next[i]
        next[i] = total
        total += count
    f.first[group], f.rows[group] = <int>row, total
    for i in range(first, last):
        start = f.start[order[i] if order != NULL else i]
        for n in range(tree_size(f, order[i] if order != NULL else i)):
            height = f.height[start + n]
            place[n] = next[height]
            next[height] += 1
            f.node[row + place[n]] = <int>(start + n)
            child = f.child + (row + place[n]) * f.arity
            for k in range(f.arity if height else 0):
                child[k] = place[f.children[(start + n) * f.arity + k] - start]


cdef inline Py_ssize_t level_end(const Forest* f, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    # Behind the rows, from this one on, that are of its height.
    cdef int height = f.height[f.node[row]]
    while row < end and f.height[f.node[row]] == height:
        row += 1
    return row


cdef inline Py_ssize_t level_start(const Forest* f, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    cdef int height = f.height[f.node[end - 1]]
    while end > first and f.height[f.node[end - 1]] == height:
        end -= 1
    return end


# A recursive layer.

cdef Nodes nodes_of_group(const Network* net, int k, int worker, Py_ssize_t row) noexcept nogil:
    cdef const Composition* p = &net.op[k].tree
    cdef Py_ssize_t place = row_of(net, &net.tensor[k + 1], worker, row, 0)
    cdef Nodes q
    q.child = net.forest.child + row * p.arity
    q.y, q.y_stride = value_of(net, k + 1, worker, row, 0), net.tensor[k + 1].stride
    q.features = p.features + place * p.features_stride
    q.gates, q.c = p.gates + place * p.gates_stride, p.c + place * p.c_stride
    return q


cdef void recursive_forward_group(const Network* net, int k, int worker, Py_ssize_t row, Py_ssize_t n) noexcept nogil:
    # Height after height.
    cdef const Composition* p = &net.op[k].tree
    cdef Nodes q = nodes_of_group(net, k, worker, row)
    cdef Py_ssize_t i, first = level_end(&net.forest, row, row + n) - row, last
    for i in range(first):
        plant(p, &q, i, value_of(net, k, worker, row, i))
    while first < n:
        last = level_end(&net.forest, row + first, row + n) - row
        compose(p, net.parameters, worker, &q, first, last)
        first = last


cdef void recursive_backward_group(const Network* net, int k, int worker, Py_ssize_t row, Py_ssize_t n) noexcept nogil:
    # Back-propagation through structure. The gradient of the weights waits for the whole batch.
    cdef const Composition* p = &net.op[k].tree
    cdef Nodes q = nodes_of_group(net, k, worker, row)
    cdef Py_ssize_t i, first, last = n, leaves = level_end(&net.forest, row, row + n) - row
    cdef Py_ssize_t stride = net.tensor[k + 1].stride
    cdef real* scratch = net.fields + worker * net.fields_stride
    cdef real* dc = scratch + (ROWS_BACK + 1) * p.features_stride
    cdef real* dy = gradient_of(net, k + 1, worker, row, 0)
    cdef real* dx = gradient_of(net, k, worker, row, 0)
    if p.kind == TREE_LSTM:
        memset(dc, 0, n * p.c_stride * sizeof(real))
    while last > leaves:
        first = max(level_start(&net.forest, row, row + last) - row, last - ROWS_BACK)
        decompose(p, worker, &q, first, last, net.zeros, dy, stride, dc, scratch)
        last = first
    for i in range(n if dx != NULL else 0):
        if i >= leaves:
            memset(dx, 0, p.units * sizeof(real))
        else:
            memcpy(dx, dy, p.units * sizeof(real))
            if p.kind == TREE_LSTM:
                activate_backward(TANH, 0, dx, q.y + i * q.y_stride, p.units)
                add_slice(dx, dc + i * p.c_stride, p.units)
        dx += net.tensor[k].stride
        dy += stride


cdef void recursive_gradient(const Network* net, int k, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t groups) noexcept nogil:
    # Rows start to stop.
    cdef const Composition* p = &net.op[k].tree
    cdef const Forest* f = &net.forest
    cdef const Tensor* t = &net.tensor[k + 1]
    cdef Py_ssize_t group, row, nodes
    cdef bint adds = False
    for group in range(groups):
        row, nodes = f.first[group] + f.leaves[group], f.rows[group] - f.leaves[group]
        if nodes:
            add_composition_gradient(p, net.zeros, p.features + row * p.features_stride,
                                     p.gates + row * p.gates_stride if p.kind == TREE_LSTM else t.gradient + row * t.stride,
                                     p.gates_stride if p.kind == TREE_LSTM else t.stride, nodes, adds, start, stop, net.gradients, net.parameters)
            adds = True
    if not adds:
        memset(net.gradients + p.w.offset + start * p.w.columns, 0, (stop - start) * p.w.columns * sizeof(real))
