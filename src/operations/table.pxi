# The kinds of operation there are: a name that Python uses, a row of functions, and a place in a
# file of this folder each.

cdef enum Kind:
    DENSE, CONVOLUTION, MAX_POOL, MEAN_POOL, ACTIVATION, DROPOUT, PAD, SHIFT, FLATTEN, SELECT
    EMBEDDING, RECURRENT, RECURSIVE, LAYER_NORM, BATCH_NORM, FAN_OUT, CONCAT, SUM, PRODUCT
    ATTENTION, POSITIONS
    RESHAPE, GLOBAL_MAX, GLOBAL_MEAN, UPSAMPLE, NOISE, RESCALE, FLIP, ROTATE, ERASE
    TRANSPOSED_CONVOLUTION, PERIODIC, ROBUST_SCALE, KINDS


cdef Methods no_methods(int kind, size_t own):
    # To begin a row with.
    cdef Methods m
    memset(&m, 0, sizeof(Methods))
    m.kind, m.own = kind, own
    return m
