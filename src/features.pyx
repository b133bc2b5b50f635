# cython: language_level=3
"""Which x86-64 levels this processor and its system support; built for the baseline alone."""

cdef extern from *:
    """
    #if defined(__x86_64__)
    static int x86_level(void) {
        __builtin_cpu_init();
        if (!(__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"))) return 1;
        if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
              && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"))) return 2;
        if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
              && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
              && __builtin_cpu_supports("avx512vl"))) return 3;
        return 4;
    }
    #else
    static int x86_level(void) { return 0; }
    #endif
    """
    int x86_level()


def level() -> int:
    """The x86-64 microarchitecture level, 1 to 4; 0 on other processors."""
    return x86_level()
