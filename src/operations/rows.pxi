# The table itself: a row each, in the order of the kinds.

cdef Methods[19] METHODS = [dense_methods(), convolution_methods(), max_pool_methods(),
                            mean_pool_methods(), activation_methods(), dropout_methods(),
                            pad_methods(), shift_methods(), flatten_methods(), select_methods(),
                            embedding_methods(), recurrent_methods(), recursive_methods(),
                            layer_norm_methods(), batch_norm_methods(), fan_out_methods(),
                            concat_methods(), sum_methods(), product_methods()]
has_rows(KINDS, 19)

_KINDS = {"dense": DENSE, "convolution": CONVOLUTION, "max_pool": MAX_POOL, "mean_pool": MEAN_POOL,
          "activation": ACTIVATION, "dropout": DROPOUT, "pad": PAD, "shift": SHIFT,
          "flatten": FLATTEN, "select": SELECT, "embedding": EMBEDDING, "recurrent": RECURRENT,
          "recursive": RECURSIVE, "layer_norm": LAYER_NORM, "batch_norm": BATCH_NORM,
          "fan_out": FAN_OUT, "concat": CONCAT, "sum": SUM, "product": PRODUCT}

for _kind in _KINDS.values():
    if METHODS[<int>_kind].kind != _kind:
        raise ImportError(f"the table of operations must be in the order of their kinds; "
                          f"row {_kind} is not")
