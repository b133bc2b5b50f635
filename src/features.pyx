# cython: language_level=3, freethreading_compatible=True
"""Which instruction sets this processor and its system support; built for the baseline alone."""

cdef extern from *:
    """
    #if defined(_WIN32) && defined(__x86_64__)
    /* What the compiler offers needs a library of its own there, which linkers do not find. No
     * machine that runs Windows has AVX2 without FMA and BMI, or AVX-512 without v4's parts. */
    #include <windows.h>
    static int instruction_level(void) {
        if (!IsProcessorFeaturePresent(PF_SSE4_2_INSTRUCTIONS_AVAILABLE)) return 1;
        if (!IsProcessorFeaturePresent(PF_AVX2_INSTRUCTIONS_AVAILABLE)) return 2;
        return IsProcessorFeaturePresent(PF_AVX512F_INSTRUCTIONS_AVAILABLE) ? 4 : 3;
    }
    #elif defined(__x86_64__)
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
