/* Results below the smallest normal number become zero while a thread is in this mode.
 *
 * Processors take a hundred times as long for subnormal numbers, and training makes them for
 * nothing: an optimizer's moment of a weight whose gradient has died shrinks at each step until it
 * is one, and then stays, as does a gradient that vanishes on its way back through time.
 */
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
static inline unsigned long floating_mode(void) { return _mm_getcsr(); }
static inline void set_floating_mode(unsigned long mode) { _mm_setcsr((unsigned)mode); }
#define FLUSHES _MM_FLUSH_ZERO_ON

#elif defined(__aarch64__)
static inline unsigned long floating_mode(void) {
    unsigned long mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
static inline void set_floating_mode(unsigned long mode) {
    __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory");
}
#define FLUSHES (1ul << 24)

#else
static inline unsigned long floating_mode(void) { return 0; }
static inline void set_floating_mode(unsigned long mode) { (void)mode; }
#define FLUSHES 0
#endif

/* Gives the mode before, for set_floating_mode afterwards. */
static inline unsigned long flush_subnormals(void) {
    unsigned long before = floating_mode();
    set_floating_mode(before | FLUSHES);
    return before;
}
