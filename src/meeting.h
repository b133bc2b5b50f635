/* What the workers of a job share: items of work, flags, and barriers at which they wait for one
 * another.
 *
 * A waiting thread spins for some tens of microseconds at most, by how long the processor's pause
 * is, and then sleeps.
 */
#pragma once
#include <stdatomic.h>
#include <time.h>

#define MAX_WORKERS 64

static inline void spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");    /* yield does nothing on most of them */
#endif
}

/* Work items 0 .. total, of which every worker has a share of its own, the same each time, so
 * that what it wrote last time is still in its cache; who is through with that helps the others.
 * next_item gives -1 when all are taken. */
typedef struct {
    struct { _Alignas(64) atomic_long taken; } share[MAX_WORKERS];
} work_items;

static inline long next_item(work_items *items, long total, int workers, int worker) {
    for (int i = 0; i < workers; i++) {
        int w = worker + i < workers ? worker + i : worker + i - workers;
        long start = total * w / workers, end = total * (w + 1) / workers;
        if (start + atomic_load_explicit(&items->share[w].taken, memory_order_relaxed) < end) {
            long item = start + atomic_fetch_add_explicit(&items->share[w].taken, 1,
                                                          memory_order_relaxed);
            if (item < end) return item;
        }
    }
    return -1;
}

static inline void reset_items(work_items *items, int workers) {
    for (int w = 0; w < workers; w++)
        atomic_store_explicit(&items->share[w].taken, 0, memory_order_relaxed);
}

/* What one worker raises and all see. */
typedef struct { atomic_int up; } flag;
static inline void raise_flag(flag *f) { atomic_store_explicit(&f->up, 1, memory_order_relaxed); }
static inline int is_raised(const flag *f) {
    return atomic_load_explicit((atomic_int *)&f->up, memory_order_relaxed);
}

static inline double seconds(void) {
    struct timespec now;
#ifdef _WIN32                               /* whose C library has no other clock as fine */
    timespec_get(&now, TIME_UTC);
#else
    clock_gettime(CLOCK_MONOTONIC, &now);
#endif
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

/* What a worker that waits does meanwhile, every LOOK nanoseconds. */
typedef void (*parallel_look)(void *context);
#define LOOK 50000000

#ifdef FASTDL_NO_THREADS

typedef struct { int workers; flag ending; int over; } meeting;
static inline void meeting_open(meeting *m, int workers) {
    m->workers = workers;
    m->over = 0;
    atomic_init(&m->ending.up, 0);
}
static inline void meeting_close(meeting *m) { (void)m; }
static inline void meet_looking(meeting *m, work_items *reset, parallel_look look, void *context) {
    (void)look, (void)context;
    if (reset) reset_items(reset, m->workers);
    m->over = is_raised(&m->ending);
}
static inline void meet(meeting *m, work_items *reset) { meet_looking(m, reset, NULL, NULL); }

#else

#include <pthread.h>
#define SPINS 3000

/* How many pauses a wait may take before it sleeps. Where the one waited for is not running, as
 * on a machine whose processors are busy elsewhere, they are in vain: who slept for long makes the
 * next waits spin for less; who did not sleep, or so briefly that spinning would have done, for
 * more. */
static atomic_int patience = SPINS;
static atomic_long sleeps;
#define BRIEF_SLEEP 100e-6

static inline void waited(double slept) {
    int before = atomic_load_explicit(&patience, memory_order_relaxed);
    int after = slept > BRIEF_SLEEP ? before / 2 : 2 * before;
    after = after < SPINS / 16 ? SPINS / 16 : after > SPINS ? SPINS : after;
    if (after != before) atomic_store_explicit(&patience, after, memory_order_relaxed);
    if (slept > 0) atomic_fetch_add_explicit(&sleeps, 1, memory_order_relaxed);
}

static inline int spins_of_a_wait(void) {
    return atomic_load_explicit(&patience, memory_order_relaxed);
}

static inline void wait_a_while(pthread_cond_t *condition, pthread_mutex_t *lock) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_cond_timedwait(condition, lock, &until);
}

/* A barrier for `workers` threads, reusable: the last to arrive sets work items back and opens
 * the next round. Whether all is to end here, as `ending` asks at any time, is what the last to
 * arrive finds: so all leave off at the same place. */
typedef struct {
    int workers;
    flag ending;
    int over;
    atomic_int arrived;
    atomic_uint round;
    atomic_int sleepers;
    pthread_mutex_t lock;
    pthread_cond_t opened;
} meeting;

static inline void meeting_open(meeting *m, int workers) {
    m->workers = workers;
    m->over = 0;
    atomic_init(&m->ending.up, 0);
    atomic_init(&m->arrived, 0);
    atomic_init(&m->round, 0);
    atomic_init(&m->sleepers, 0);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->opened, NULL);
}

static inline void meeting_close(meeting *m) {
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->opened);
}

/* Who looks arrives last: nobody changes meanwhile what it sees, a handler that copies parameters
   for instance. */
static void wait_for_others(meeting *m, parallel_look look, void *context) {
    int others = m->workers - 1;
    for (int i = spins_of_a_wait(); i > 0; i--) {
        if (atomic_load(&m->arrived) == others) {
            waited(0);
            return;
        }
        spin_pause();
    }
    double began = seconds();
    pthread_mutex_lock(&m->lock);
    atomic_fetch_add(&m->sleepers, 1);
    while (atomic_load(&m->arrived) != others) {
        wait_a_while(&m->opened, &m->lock);
        pthread_mutex_unlock(&m->lock);
        look(context);
        pthread_mutex_lock(&m->lock);
    }
    atomic_fetch_sub(&m->sleepers, 1);
    pthread_mutex_unlock(&m->lock);
    waited(seconds() - began);
}

static void meet_looking(meeting *m, work_items *reset, parallel_look look, void *context) {
    if (m->workers == 1) {
        if (reset) reset_items(reset, m->workers);
        m->over = is_raised(&m->ending);
        return;
    }
    unsigned round = atomic_load(&m->round);
    if (look) wait_for_others(m, look, context);
    int before = atomic_fetch_add(&m->arrived, 1);
    if (before == m->workers - 1) {
        atomic_store(&m->arrived, 0);
        if (reset) reset_items(reset, m->workers);
        m->over = is_raised(&m->ending);
        atomic_store(&m->round, round + 1);
        if (atomic_load(&m->sleepers)) {
            pthread_mutex_lock(&m->lock);
            pthread_cond_broadcast(&m->opened);
            pthread_mutex_unlock(&m->lock);
        }
        return;
    }
    if (before == m->workers - 2 && atomic_load(&m->sleepers)) {
        pthread_mutex_lock(&m->lock);
        pthread_cond_broadcast(&m->opened);
        pthread_mutex_unlock(&m->lock);
    }
    for (int i = spins_of_a_wait(); i > 0; i--) {
        if (atomic_load(&m->round) != round) {
            waited(0);
            return;
        }
        spin_pause();
    }
    double began = seconds();
    pthread_mutex_lock(&m->lock);
    atomic_fetch_add(&m->sleepers, 1);
    while (atomic_load(&m->round) == round) pthread_cond_wait(&m->opened, &m->lock);
    atomic_fetch_sub(&m->sleepers, 1);
    pthread_mutex_unlock(&m->lock);
    waited(seconds() - began);
}

static inline void meet(meeting *m, work_items *reset) { meet_looking(m, reset, NULL, NULL); }

#endif
