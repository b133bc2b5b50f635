# The table itself: a row each, in the order of the kinds.

cdef Methods[34] METHODS = [dense_methods(), convolution_methods(), max_pool_methods(),
                            mean_pool_methods(), activation_methods(), dropout_methods(),
                            pad_methods(), shift_methods(), flatten_methods(), select_methods(),
                            embedding_methods(), recurrent_methods(), recursive_methods(),
                            layer_norm_methods(), batch_norm_methods(), fan_out_methods(),
                            concat_methods(), sum_methods(), product_methods(),
                            attention_methods(), positions_methods(),
                            reshape_methods(), global_max_methods(), global_mean_methods(),
                            upsample_methods(), noise_methods(), rescale_methods(),
                            flip_methods(), rotate_methods(), erase_methods(),
                            transposed_convolution_methods(), periodic_methods(),
                            robust_scale_methods(), group_norm_methods()]
has_rows(KINDS, 34)

_KINDS = {"dense": DENSE, "convolution": CONVOLUTION, "max_pool": MAX_POOL, "mean_pool": MEAN_POOL,
          "activation": ACTIVATION, "dropout": DROPOUT, "pad": PAD, "shift": SHIFT,
          "flatten": FLATTEN, "select": SELECT, "embedding": EMBEDDING, "recurrent": RECURRENT,
          "recursive": RECURSIVE, "layer_norm": LAYER_NORM, "batch_norm": BATCH_NORM,
          "fan_out": FAN_OUT, "concat": CONCAT, "sum": SUM, "product": PRODUCT,
          "attention": ATTENTION, "positions": POSITIONS,
          "reshape": RESHAPE, "global_max": GLOBAL_MAX, "global_mean": GLOBAL_MEAN,
          "upsample": UPSAMPLE, "noise": NOISE, "rescale": RESCALE,
          "flip": FLIP, "rotate": ROTATE, "erase": ERASE,
          "transposed_convolution": TRANSPOSED_CONVOLUTION, "periodic": PERIODIC,
          "robust_scale": ROBUST_SCALE, "group_norm": GROUP_NORM}


cdef _check_row(str name, const Methods* m, int kind):
    # What is called without a look at whether it is there.
    cdef bint has_to_see = m.measure != NULL
    if m.kind != kind:
        raise ImportError(f"{name}: rows of operations must be in the order of their kinds")
    if m.forward == NULL or m.backward == NULL:
        raise ImportError(f"{name}: must have forward and backward")
    if ((m.join != NULL) != has_to_see or (m.settle != NULL) != has_to_see
            or (m.keep != NULL) != has_to_see or (m.measure_back != NULL) != has_to_see
            or (m.join_back != NULL) != has_to_see or (m.settle_back != NULL) != has_to_see):
        raise ImportError(f"{name}: must have all of measure, join, settle, keep, measure_back, "
                          f"join_back and settle_back, or none")
    if (m.interleaves != NULL) != (m.forward_fours != NULL and m.backward_fours != NULL):
        raise ImportError(f"{name}: must have all of interleaves, forward_fours and "
                          f"backward_fours, or none")
    if m.takes_team and not m.takes_group:
        raise ImportError(f"{name}: must take groups, taking teams")


for _name, _kind in _KINDS.items():
    _check_row(_name, &METHODS[<int>_kind], _kind)
