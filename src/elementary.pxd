# The functions of elementary.h, as Cython sees them.
from simd cimport vec

cdef extern from "elementary.h" nogil:
    vec vec_exp(vec x)
    vec vec_sigmoid(vec x)
    vec vec_tanh(vec x)
    vec vec_gelu(vec x)
    vec vec_gelu_slope(vec x)
