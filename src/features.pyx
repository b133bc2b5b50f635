# cython: language_level=3, freethreading_compatible=True
"""Which instruction sets this processor and its system support; built for the baseline alone."""

cdef extern from *:
    """
    #if defined(__x86_64__)
    static int instruction_level(void) {
        __builtin_cpu_init();
        if (!(__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"))) return 1;
        if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
              && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"))) return 2;
        if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
              && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
              && __builtin_cpu_supports("avx512vl"))) return 3;
        return 4;
    }
    #elif defined(__aarch64__)
    static int instruction_level(void) { return 8; }
    #else
    static int instruction_level(void) { return 0; }
    #endif
    """
    int instruction_level()


def level() -> int:
    """The x86-64 microarchitecture level, 1 to 4; 8 for Armv8-A, with NEON; 0 for others."""
    return instruction_level()
