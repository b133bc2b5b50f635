# The vector vocabulary of simd.h, as Cython sees it. `real` and `vec` are declared as double for
# Cython's type rules alone; the C compiler knows better.
cdef extern from "simd.h" nogil:
    ctypedef double real
    ctypedef double vec
    const int VEC_LANES
    const int VEC_LANES_LOG2
    const int TILE_ROWS_1
    const int TILE_ROWS_2
    const int TILE_ROWS_3
    const int LINE
    const int TILE
    const int PACKS
    const int PANEL_TERMS
    const int PRODUCT_CHANNELS
    const int SLIDING
    vec vec_load(const real* p)
    vec vec_load_first(const real* p, int n)
    vec vec_load_fours(const real* p, Py_ssize_t step)
    void vec_store_fours(real* p, Py_ssize_t step, vec v, int n)
    void vec_store(real* p, vec v)
    void vec_store_first(real* p, vec v, int n)
    void vec_store_pieces(real* p, vec v, int n)
    vec vec_keep_first(vec v, int n)
    vec vec_set1(real a)
    vec vec_of_bytes(const unsigned char* p)
    vec vec_fma(vec acc, real x, vec w)
    vec vec_max(vec a, vec b)
    vec vec_at_least(vec x, real low)
    vec vec_at_most(vec x, real high)
    vec vec_if_greater(vec a, vec b, vec yes, vec no)
    vec vec_if_equal(vec a, vec b, vec yes, vec no)
    vec vec_sqrt(vec x)
    real vec_sum(vec v)
    vec vec_evens(vec a, vec b)
    vec vec_odds(vec a, vec b)
    vec vec_zip_low(vec a, vec b)
    vec vec_zip_high(vec a, vec b)
    void prefetch_to_read(const real* p)
    void prefetch_to_write(const real* p)
    vec vec_keep(vec v)
    Py_ssize_t not_before(Py_ssize_t n)
