# Copies of a convolution's weights, laid out as the way that it goes reads them.

cdef inline real* laid_of(const Convolution* own, int worker) noexcept nogil:
    cdef const Window* g = &own.window
    return own.laid + worker * (winograd_panels(g, own.edge, False) if own.edge
                                else filters_size(g) if own.in_steps else row_filters_size(g))


cdef void lay_weights(const Network* net, const Op* op, int worker) noexcept nogil:
    cdef const Convolution* own = <const Convolution*>op.own
    if own.edge:
        lay_places(&own.window, own.edge, net.parameters + own.w.offset, laid_of(own, worker))
    elif own.in_steps:
        weights_to_filters(&own.window, net.parameters + own.w.offset, laid_of(own, worker))
    elif filters_forward(&own.window) if in_fours(net, op) else own.in_rows:
        weights_to_row_filters(&own.window, net.parameters + own.w.offset, laid_of(own, worker))


cdef inline real* transposed_of(const Convolution* own, int worker) noexcept nogil:
    # NULL where the input's gradient does not come of them, or nobody wants it.
    return own.w.transposed + worker * own.w.transposed_stride if own.w.transposed != NULL else NULL


cdef inline real* back_of(const Convolution* own, int worker) noexcept nogil:
    return own.filters_back + worker * row_filters_size(&own.window)


cdef void transpose_convolution(const Network* net, const Op* op, int worker) noexcept nogil:
    # Its own, or that of which a transposed one is the way back.
    cdef const Convolution* own = <const Convolution*>op.own
    cdef const Window* g = &own.window
    cdef const Matrix* w = &own.w
    cdef Window taps
    cdef real* transposed = transposed_of(own, worker)
    if in_fours(net, op):
        if own.filters_back != NULL:
            taps = taps_of_rows(g)
            filters_back(&taps, net.parameters + w.offset, back_of(own, worker),
                         fields_of(net, worker))
        return
    if transposed == NULL or goes_back_in_planes(g):
        return
    if own.edge:
        lay_places_back(g, own.edge, net.parameters + w.offset, transposed, fields_of(net, worker))
    elif goes_back_in_runs(g):
        transpose_matrix(w, net.parameters, transposed)
    elif own.in_steps:
        filters_back(g, net.parameters + w.offset, transposed, fields_of(net, worker))
    else:
        transpose_taps(g, w, net.parameters, transposed)
