# The arithmetic of one node: of a tensor's composition the products of all pairs, of a tree LSTM
# its gates. What a node is made of, trees.pxi says.

cdef void pair_products(const real* x, Py_ssize_t n, real* z) noexcept nogil:
    # Row by row of the triangle: what a row spills, the next overwrites. There are so many of them
    # that a step of an optimizer which goes equally far in all weights would be too long in theirs,
    # were they not divided.
    cdef Py_ssize_t i, j
    cdef vec v
    for i in range(n):
        v = vec_set1(x[i] / n)
        for j from i <= j < n by VEC_LANES:
            vec_store(z + j - i, v * vec_load(x + j))
        z += n - i


cdef void pair_products_backward(const real* dz, const real* x, Py_ssize_t n,
                                 real* dx) noexcept nogil:
    # dx_i += dz_ij x_j / n, dx_j += dz_ij x_i / n; dx is written in whole vectors.
    cdef Py_ssize_t i, j
    cdef vec d, sums, v
    for i in range(n):
        sums, v = vec_set1(0), vec_set1(x[i] / n)
        for j from i <= j < n by VEC_LANES:
            d = vec_load(dz + j - i)
            vec_store(dx + j, vec_load(dx + j) + d * v)
            d = d * vec_load(x + j)
            # What lies past n may be no number.
            sums = sums + (d if n - j >= VEC_LANES else vec_keep_first(d, <int>(n - j)))
        dx[i] += vec_sum(sums) / n
        dz += n - i


cdef void tree_cell(real* gates, const real** below, Py_ssize_t arity, real* c, real* h,
                    Py_ssize_t units) noexcept nogil:
    # `below` are the children's c.
    cdef Py_ssize_t j, k, left
    cdef vec i, o, g, f, cell
    for j from 0 <= j < units by VEC_LANES:
        left = units - j
        i = vec_sigmoid(vec_load(gates + j))
        o = vec_sigmoid(vec_load(gates + units + j))
        g = vec_tanh(vec_load(gates + 2 * units + j))
        store_lanes(gates + j, i, left)
        store_lanes(gates + units + j, o, left)
        store_lanes(gates + 2 * units + j, g, left)
        cell = i * g
        for k in range(arity):
            f = vec_sigmoid(vec_load(gates + (3 + k) * units + j))
            store_lanes(gates + (3 + k) * units + j, f, left)
            cell = cell + f * vec_load(below[k] + j)
        store_lanes(c + j, cell, left)
        store_lanes(h + j, o * vec_tanh(cell), left)


cdef void tree_cell_backward(real* gates, const real** below, real** d_below, Py_ssize_t arity,
                             const real* c, const real* dh, const real* dc,
                             Py_ssize_t units) noexcept nogil:
    # Gates become gradients, and the children's c get theirs: nobody but this node asks for them.
    cdef Py_ssize_t j, k, left
    cdef vec i, o, g, f, t, d, asked
    for j from 0 <= j < units by VEC_LANES:
        left = units - j
        i, o, g = vec_load(gates + j), vec_load(gates + units + j), vec_load(gates + 2 * units + j)
        t, asked = vec_tanh(vec_load(c + j)), vec_load(dh + j)
        d = vec_load(dc + j) + asked * o * tanh_slope(t)
        store_lanes(gates + j, d * g * sigmoid_slope(i), left)
        store_lanes(gates + units + j, asked * t * sigmoid_slope(o), left)
        store_lanes(gates + 2 * units + j, d * i * tanh_slope(g), left)
        for k in range(arity):
            f = vec_load(gates + (3 + k) * units + j)
            store_lanes(gates + (3 + k) * units + j, d * vec_load(below[k] + j) * sigmoid_slope(f),
                        left)
            store_lanes(d_below[k] + j, d * f, left)
