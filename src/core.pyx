# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, auto_pickle=False
# cython: freethreading_compatible=True
"""The compiled core, one module for each instruction set and dtype. See docs/architecture.md.

Read from the top: the kernels (arithmetic alone), a network of them, the engine that runs it on
threads, and what Python sees.
"""
import numpy as np
cimport cython
from cpython.buffer cimport (
    Py_buffer, PyBUF_ANY_CONTIGUOUS, PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE,
    PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from elementary cimport (
    vec_cos_of_turns, vec_exp, vec_exp_below, vec_expm1_below, vec_gelu, vec_gelu_slope, vec_log,
    vec_log1p_of_part, vec_sigmoid, vec_silu, vec_silu_slope, vec_softplus, vec_tanh,
)
from meeting cimport (
    MAX_WORKERS, flag, is_raised, meet, meet_looking, meeting, meeting_close, meeting_open,
    next_item, raise_flag, reset_items, seconds, work_items,
)
from simd cimport (
    LINE, PACKS, PANEL_TERMS, PRODUCT_CHANNELS, SLIDING, TILE, TILE_ROWS_1, TILE_ROWS_2,
    TILE_ROWS_3, VEC_LANES, VEC_LANES_LOG2, not_before, prefetch_to_read, prefetch_to_write,
    real, vec, vec_at_least, vec_at_most, vec_evens, vec_fma, vec_if_equal, vec_if_greater,
    vec_keep, vec_keep_first, vec_load, vec_load_first, vec_load_fours, vec_max, vec_odds,
    vec_of_bytes, vec_set1, vec_sqrt, vec_store, vec_store_first, vec_store_fours,
    vec_store_pieces, vec_sum, vec_zip_high, vec_zip_low,
)
from subnormals cimport flush_subnormals, set_floating_mode
from threads cimport parallel_available, parallel_run, parallel_task

cdef object DTYPE = np.dtype(np.float32 if sizeof(real) == 4 else np.float64)

# Multiply-adds of a job below which waking a second thread costs more than it brings (measured:
# about 10 us); and of a step of training on vectors or sequences, where threads read much that
# others have just written, for little work with it.
cdef double SMALL_WORK = 400_000
cdef double SMALL_STEP = 2_000_000
# Multiply-adds of a step of training from which on it can be dropped until its parameters change:
# about a tenth of a second.
cdef double LONG_WORK = 1e9
# A recurrent layer's step of that many units and multiply-adds, of all samples, is shared by
# threads, which meet at every step.
cdef Py_ssize_t SHARED_UNITS = 96
cdef double SHARED_STEP = 15_000
# Multiply-adds of a sample's way forward, or back, that are worth a further thread where all share
# them.
cdef double MEMBER_WORK = 2_000_000
# Weights of dense layers on vectors from which on threads share a step of training of few of them:
# fewer stay in the caches, where what another core has written may take longer to come than to
# compute with.
cdef double FAR_WEIGHTS = 2_000_000
# Tokens of a batch, for each row of an embedding's table, from which on a recurrent layer looks
# products up.
cdef Py_ssize_t LOOKUP_TOKENS = 8
# Bytes of memory for training that are kept while the same network predicts: to take so many anew
# costs about a millisecond.
cdef Py_ssize_t KEPT_BYTES = 1 << 24
# Nodes of the trees that a worker takes together, on average.
cdef Py_ssize_t GROUP_NODES = 256

include "watch.pxi"
include "tables.pxi"
include "arrays.pxi"
include "kernels/tile.pxi"
include "kernels/layout.pxi"
include "kernels/sums.pxi"
include "kernels/product.pxi"
include "kernels/largest.pxi"
include "kernels/activation_functions.pxi"
include "kernels/softmax.pxi"
include "kernels/activations.pxi"
include "kernels/matrix.pxi"
include "kernels/panels.pxi"
include "kernels/dense_one.pxi"
include "kernels/dense.pxi"
include "kernels/embedding.pxi"
include "kernels/convolution.pxi"
include "kernels/sliding.pxi"
include "kernels/convolution_taps.pxi"
include "kernels/winograd.pxi"
include "kernels/winograd_small_tiles.pxi"
include "kernels/winograd_large_tiles.pxi"
include "kernels/winograd_weights.pxi"
include "kernels/winograd_images.pxi"
include "kernels/winograd_passes.pxi"
include "kernels/winograd_steps.pxi"
include "kernels/winograd_steps_filters.pxi"
include "kernels/winograd_steps_places.pxi"
include "kernels/winograd_steps_passes.pxi"
include "kernels/winograd_rows.pxi"
include "kernels/depthwise.pxi"
include "kernels/pooling.pxi"
include "kernels/global_pooling.pxi"
include "kernels/broadcast.pxi"
include "kernels/normalization.pxi"
include "kernels/sampling.pxi"
include "kernels/planar.pxi"
include "kernels/planes.pxi"
include "kernels/planes_fields.pxi"
include "kernels/planes_pooling.pxi"
include "kernels/interleaved.pxi"
include "kernels/interleaved_tiles.pxi"
include "kernels/interleaved_places.pxi"
include "kernels/interleaved_convolution.pxi"
include "kernels/interleaved_input_gradient.pxi"
include "kernels/interleaved_weight_gradient.pxi"
include "kernels/interleaved_pooling.pxi"
include "kernels/cells.pxi"
include "kernels/recurrent.pxi"
include "kernels/recurrent_products.pxi"
include "kernels/recurrent_steps.pxi"
include "kernels/recurrent_gradient.pxi"
include "kernels/recurrent_columns.pxi"
include "kernels/tree_cells.pxi"
include "kernels/trees.pxi"
include "kernels/attention.pxi"
include "kernels/losses.pxi"
include "kernels/optimizers.pxi"
include "kernels/updates.pxi"
include "kernels/random.pxi"
include "operations/table.pxi"
include "forest.pxi"
include "graph.pxi"
include "parts.pxi"
include "outputs.pxi"
include "slots.pxi"
include "stages.pxi"
include "snapshot.pxi"
include "memory.pxi"
include "teams.pxi"
include "interleaving.pxi"
include "operations/dense.pxi"
include "operations/convolution_plan.pxi"
include "operations/convolution_weights.pxi"
include "operations/convolution_fours.pxi"
include "operations/convolution.pxi"
include "operations/transposed_convolution.pxi"
include "operations/pool.pxi"
include "operations/elementwise.pxi"
include "operations/shape.pxi"
include "operations/global_pool.pxi"
include "operations/upsample.pxi"
include "operations/augment.pxi"
include "operations/embedding.pxi"
include "operations/recurrent.pxi"
include "operations/lookup.pxi"
include "operations/recursive.pxi"
include "operations/layer_norm.pxi"
include "operations/batch_norm_statistics.pxi"
include "operations/batch_norm.pxi"
include "operations/group_norm.pxi"
include "operations/attention.pxi"
include "operations/positions.pxi"
include "operations/periodic.pxi"
include "operations/robust_scale.pxi"
include "operations/merge.pxi"
include "operations/rows.pxi"
include "network.pxi"
include "schedule.pxi"
include "description.pxi"
include "job.pxi"
include "groups.pxi"
include "slices.pxi"
include "ranks.pxi"
include "engine.pxi"
include "runnable.pxi"
include "learner.pxi"
include "plan.pxi"
include "predictor.pxi"
include "derivatives.pxi"
include "functional/elementwise.pxi"
include "functional/sharing.pxi"
include "functional/planes.pxi"
include "functional/columns.pxi"
include "functional/recurrent.pxi"
include "functional/step.pxi"
include "functional/sigmoid_layers.pxi"
include "functional/descend.pxi"
include "functional/node.pxi"
include "finite.pxi"
include "tree_nodes.pxi"
include "parsing/search.pxi"
include "parsing/parse.pxi"
include "probe.pxi"
