# Dense layers: y = x W + b, with W stored (inputs, outputs).
#
#     forward     y  (n, out) = x (n, in) W (in, out) + b
#     d input     dx (n, in)  = dy (n, out) W^T
#     d weight    dW (in, out) = x^T dy

cdef void dense_forward(const Matrix* w, const real* parameters, const real* panels,
                        const real* init, Py_ssize_t init_step, const real* x, Py_ssize_t x_step,
                        real* y, Py_ssize_t y_step, Py_ssize_t samples,
                        int* nonzero) noexcept nogil:
    # y = init + x W; init is the bias, or y itself to add to it. W may lie in panels too.
    cdef Product q
    cdef Py_ssize_t i
    if samples < 4:
        for i in range(samples):
            dense_forward_one(w, parameters, init + i * init_step, x + i * x_step, nonzero,
                              y + i * y_step)
        return
    q = product(w.rows, x=x, row_step=x_step, x_step=1,
                w=panels if panels != NULL else parameters + w.offset,
                w_step=0 if panels != NULL else w.step, init=init, init_step=init_step, c=y,
                c_step=y_step)
    q.may_pack, q.next = panels == NULL, y
    multiply(&q, samples, w.columns)


cdef void dense_backward(const Matrix* w, const real* parameters, const real* panels,
                         const real* zeros, Py_ssize_t first, Py_ssize_t last, const real* dy,
                         Py_ssize_t dy_step, real* dx, Py_ssize_t dx_step,
                         Py_ssize_t rows) noexcept nogil:
    # Columns first to last of dx; all of them where W^T lies in panels.
    cdef Product q = product(w.columns, x=dy, row_step=dy_step, x_step=1, w=panels, w_step=0,
                             init=zeros, init_step=0, c=dx + first, c_step=dx_step)
    if panels == NULL:
        q.w = parameters + w.offset + first * w.step
        of_transposed(&q, w.step)
    q.next = q.c
    multiply(&q, rows, last - first)


cdef void dense_weight_gradient(const Matrix* w, const real* zeros, const real* x,
                                Py_ssize_t x_sample, Py_ssize_t x_step, const real* dy,
                                Py_ssize_t dy_sample, Py_ssize_t dy_step, Py_ssize_t samples,
                                Py_ssize_t steps, Py_ssize_t start, Py_ssize_t stop,
                                real* gradients, const real* updated) noexcept nogil:
    # Rows start to stop of dW, summed over samples and their steps in time. Where their weights are
    # updated next, this core should own their cache lines by then.
    cdef Py_ssize_t place = w.offset + start * w.step
    cdef Product q
    if steps == 1:                      # one long sum rather than many short ones
        samples, steps, x_step, dy_step = 1, samples, x_sample, dy_sample
    q = product(steps, x=x + start, row_step=1, x_step=x_step, w=dy, w_step=dy_step,
                init=zeros, init_step=0, c=gradients + place, c_step=w.step)
    in_segments(&q, samples, x_sample, dy_sample)
    q.may_pack = True
    q.next = (updated if updated != NULL else gradients) + place
    multiply(&q, stop - start, w.columns)
