# The functions of elementary.h, as Cython sees them.
from simd cimport vec

cdef extern from "elementary.h" nogil:
    vec vec_cos_of_turns(vec t)
    vec vec_exp(vec x)
    vec vec_exp_below(vec x)
    vec vec_expm1_below(vec x)
    vec vec_sigmoid(vec x)
    vec vec_silu(vec x)
    vec vec_silu_slope(vec x)
    vec vec_softplus(vec x)
    vec vec_log1p_of_part(vec u)
    vec vec_tanh(vec x)
    vec vec_gelu(vec x)
    vec vec_gelu_slope(vec x)
    vec vec_log(vec u)
