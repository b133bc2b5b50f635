/* A small pool of POSIX threads: parallel_run calls task(context, worker) once on each of `workers`
 * threads, the caller being worker 0. Inside, workers share work items and meet at barriers.
 *
 * Why not OpenMP: its runtime hangs in a forked child that uses it after the parent did, and its
 * barriers spin for milliseconds, which on a machine whose cores are busy elsewhere costs a factor
 * of eight. Here a waiting thread soon sleeps (meeting.h); where that happens so often that it
 * costs more than the others bring, the caller works alone for a while; a forked child starts a
 * pool of its own. With -DFASTDL_NO_THREADS everything runs on the caller.
 */
#pragma once
#include "meeting.h"

typedef void (*parallel_task)(void *context, int worker);

#ifdef FASTDL_NO_THREADS

static inline int parallel_available(void) { return 0; }
static inline void parallel_run(parallel_task task, void *context, int *workers,
                                parallel_look look) {
    (void)look;
    *workers = 1;
    task(context, 0);
}

#else

#include <sched.h>
#include <signal.h>

/* The pool. `busy` guards it: a second caller at the same time runs its task alone. */
static struct {
    pthread_mutex_t busy, lock;
    pthread_cond_t wake, done;
    int size, wanted;
    int asleep;                   /* helpers that a job has to wake */
    int processor;                /* the caller's */
    unsigned long job;
    atomic_ulong posted;          /* mirrors job, to spin on without the lock */
    atomic_int left;              /* helpers that have not finished the job */
    parallel_task task;
    void *context;
    int hooked;
    double wall, processors;      /* seconds that jobs took, and had, since the last judgement */
    int refusals, alone;          /* judgements that the caller works alone for, and what is left */
} pool = {.busy = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

/* In a forked child: its threads are gone, and a lock may be held by one of them. */
static void pool_forget(void) {
    pthread_mutex_init(&pool.busy, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pthread_cond_init(&pool.done, NULL);
    pool.size = pool.asleep = 0;
    pool.refusals = pool.alone = 0;
    pool.wall = pool.processors = 0;
    atomic_store(&patience, SPINS);
    atomic_store(&sleeps, 0);
}

/* Where workers sleep so often that it costs a good part of the processors' time, as members of a
 * team do that meet every ten microseconds on a busy machine, the caller is better off alone. He
 * is until he has got a processor for himself for some time, the longer, the more often a trial
 * of all failed. */
#define JUDGED_EVERY 0.05
#define A_SLEEP 10e-6
#define LONGEST 63

static double processor_seconds(void) {
    struct timespec had;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &had);
    return had.tv_sec + 1e-9 * had.tv_nsec;
}

static void pool_judge(double began, double had) {
    pool.wall += seconds() - began;
    pool.processors += processor_seconds() - had;
    if (pool.wall < JUDGED_EVERY) return;
    if ((double)atomic_exchange(&sleeps, 0) * A_SLEEP > 0.2 * pool.processors) {
        pool.refusals = 2 * pool.refusals + 1 < LONGEST ? 2 * pool.refusals + 1 : LONGEST;
        pool.alone = pool.refusals;
    } else if (!pool.alone) {
        pool.refusals = 0;
    } else if (pool.processors > 0.9 * pool.wall) {
        pool.alone--;
    }
    pool.wall = pool.processors = 0;
}

/* Linux may wake a helper on the processor of the caller although others are idle: in a virtual
 * machine it takes an idle processor for one that the host uses elsewhere. Both would share it
 * until loads are balanced next, for tens of milliseconds: a short job would never get a second
 * processor. So the caller lets whom it woke go first, and a helper that finds itself there asks to
 * be anywhere else for a moment. */
#ifdef __linux__
static inline int this_processor(void) { return sched_getcpu(); }

static void leave_processor(int processor) {
    cpu_set_t all, others;
    if (processor < 0 || sched_getcpu() != processor || sched_getaffinity(0, sizeof(all), &all))
        return;
    others = all;
    CPU_CLR(processor, &others);
    if (CPU_COUNT(&others) && !sched_setaffinity(0, sizeof(others), &others))
        sched_setaffinity(0, sizeof(all), &all);
}
#else
static inline int this_processor(void) { return -1; }
static inline void leave_processor(int processor) { (void)processor; }
#endif

static void *pool_helper(void *argument) {
    int worker = (int)(intptr_t)argument;
    pthread_mutex_lock(&pool.lock);
    unsigned long seen = pool.job - 1;      /* started under the lock for the job being posted */
    for (;;) {
        if (pool.job == seen) {
            pthread_mutex_unlock(&pool.lock);
            for (int i = spins_of_a_wait(); i > 0 && atomic_load(&pool.posted) == seen; i--)
                spin_pause();
            pthread_mutex_lock(&pool.lock);
        }
        int woken = pool.job == seen;
        pool.asleep += woken;
        while (pool.job == seen) pthread_cond_wait(&pool.wake, &pool.lock);
        pool.asleep -= woken;
        seen = pool.job;
        if (worker >= pool.wanted) continue;
        parallel_task task = pool.task;
        void *context = pool.context;
        int processor = pool.processor;
        pthread_mutex_unlock(&pool.lock);
        if (woken) leave_processor(processor);
        task(context, worker);
        pthread_mutex_lock(&pool.lock);
        if (atomic_fetch_sub(&pool.left, 1) == 1) pthread_cond_signal(&pool.done);
    }
    return NULL;
}

static inline int parallel_available(void) { return 1; }

/* Runs the task on *workers threads, lowering *workers first where fewer can be had: point it at
 * the count that the task's barrier reads. While the caller waits for the others at the end, it
 * looks. */
static inline void parallel_run(parallel_task task, void *context, int *workers,
                                parallel_look look) {
    if (*workers > MAX_WORKERS) *workers = MAX_WORKERS;
    if (*workers <= 1 || pthread_mutex_trylock(&pool.busy)) {
        *workers = 1;
        task(context, 0);
        return;
    }
    double began = seconds(), had = processor_seconds();
    if (pool.alone) {
        *workers = 1;
        task(context, 0);
        pool_judge(began, had);
        pthread_mutex_unlock(&pool.busy);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    if (!pool.hooked) pool.hooked = !pthread_atfork(NULL, NULL, pool_forget);
    pool.job++;
    while (pool.size < *workers - 1) {
        pthread_t thread;
        sigset_t all, before;               /* signals are for the interpreter's main thread */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int failed = pthread_create(&thread, NULL, pool_helper, (void *)(intptr_t)(pool.size + 1));
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (failed) break;
        pthread_detach(thread);
        pool.size++;
    }
    if (*workers > pool.size + 1) *workers = pool.size + 1;
    pool.wanted = *workers;
    pool.task = task;
    pool.context = context;
    pool.processor = this_processor();
    atomic_store(&pool.left, *workers - 1);
    unsigned long job = pool.job;
    int asleep = pool.asleep;
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    atomic_store(&pool.posted, job);        /* who sees it finds the lock free, and need not sleep */
    if (asleep) sched_yield();
    task(context, 0);
    for (int i = spins_of_a_wait(); i > 0 && atomic_load(&pool.left); i--) spin_pause();
    if (atomic_load(&pool.left)) {          /* else the last to finish may hold the lock still */
        pthread_mutex_lock(&pool.lock);
        while (atomic_load(&pool.left)) {
            if (!look) {
                pthread_cond_wait(&pool.done, &pool.lock);
                continue;
            }
            wait_a_while(&pool.done, &pool.lock);
            pthread_mutex_unlock(&pool.lock);
            look(context);
            pthread_mutex_lock(&pool.lock);
        }
        pthread_mutex_unlock(&pool.lock);
    }
    pool_judge(began, had);
    pthread_mutex_unlock(&pool.busy);
}

#endif
