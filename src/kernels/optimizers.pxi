# One step of an optimizer over a slice of the flat parameter vector:
#
#     SGD       g += decay p;  v = momentum v + g;  p -= rate (g + momentum v if nesterov else v)
#     Adam      g += decay p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
#               p -= rate / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + eps)
#               (Kingma and Ba 2015)
#     AdamW     the same, but without decay in g:  p -= rate decay p first
#               (Loshchilov and Hutter 2019)
#     RMSprop   g += decay p;  v = b2 v + (1 - b2) g^2;  p -= rate g / (sqrt(v) + eps)
#     AdaGrad   the same with v = v + g^2  (Duchi, Hazan and Singer 2011)
#     Adadelta  g += decay p;  v = b2 v + (1 - b2) g^2;  d = sqrt(u + eps) / sqrt(v + eps) g
#               u = b2 u + (1 - b2) d^2;  p -= rate d  (Zeiler 2012)
#     NAdam     m, v as Adam;  mu_t = b1 (1 - 0.96^(t momentum_decay) / 2),  M_t = mu_1 .. mu_t
#               p -= rate ((1 - mu_t) / (1 - M_t) g + mu_t+1 / (1 - M_t+1) m)
#                    / (sqrt(v / (1 - b2^t)) + eps)  (Dozat 2016)
#     Lion      p -= rate (sign(b1 m + (1 - b1) g) + decay p);  m = b2 m + (1 - b2) g
#               (Chen et al. 2023)
#
# Before it, g may be scaled down to a norm over all parameters, or each number kept between two
# limits (Pascanu, Mikolov and Bengio 2013).
#
# To add one: a member of `Rule`, its function of a slice, and a row of `RULE_ROWS`; a number that
# no other has is a field of `Optimizer`, which `describe_rule` takes.

from libc.math cimport pow, sqrt

cdef enum Rule:
    NO_UPDATE, SGD, ADAM, ADAMW, RMSPROP, ADAGRAD, ADADELTA, NADAM, LION, RULES


# Parameters that are trained alike: up to `stop` in the flat vectors, from where the group before
# stops.
cdef struct Group:
    Py_ssize_t stop
    double rate, decay    # what the optimizer's are multiplied by
    bint is_bias          # or a normalization's


cdef struct Optimizer:
    int rule
    int nesterov
    double momentum, decay, beta1, beta2, epsilon, momentum_decay
    double clip_norm, clip_value        # 0 for none
    bint decays_biases
    real* first           # velocity, or Adam's first moment
    real* second          # the second moment of the others
    const Group* groups   # or NULL, where all parameters are trained alike
    real* average         # of the parameters after each step, or NULL
    double kept           # how much of it is, at a step;
    int64_t first_step    # at this one nothing


# From parameter `start` to before `stop`, with the step that counts from 1. What lies past `stop`
# may be another worker's. A rule copies the optimizer: as no store of parameters can change the
# copy, what is of it is made and kept in registers.
ctypedef void (*update_of_slice)(const Optimizer* o, real rate, long step, real* p, const real* g,
                                 Py_ssize_t start, Py_ssize_t stop) noexcept nogil


cdef struct RuleRow:
    const char* name
    int moments           # that are kept for each parameter; descent's where it has momentum
    update_of_slice update


cdef inline void sgd_vector(real* p, vec g, real* v, real rate, const Optimizer* o,
                            int n) noexcept nogil:
    cdef vec old = load_lanes(p, n)
    cdef vec velocity
    if o.decay != 0:
        g = vec_fma(g, o.decay, old)
    if o.momentum != 0:
        velocity = vec_fma(g, o.momentum, load_lanes(v, n))
        g = vec_fma(g, o.momentum, velocity) if o.nesterov else velocity
        store_lanes(v, velocity, n)
    old = vec_fma(old, -rate, g)
    store_lanes(p, old, n)


cdef inline void adam_vector(real* p, vec g, real* m, real* v, real rate, real correction,
                             real scale, const Optimizer* o, int n) noexcept nogil:
    # The rate has been divided by the first moment's correction.
    cdef vec old = load_lanes(p, n)
    cdef vec first, second
    if o.decay != 0 and o.rule == ADAMW:
        old = old - vec_set1(rate * correction * o.decay) * old
    elif o.decay != 0:
        g = vec_fma(g, o.decay, old)
    first = vec_fma(vec_set1(1 - o.beta1) * g, o.beta1, load_lanes(m, n))
    second = vec_fma(vec_set1(1 - o.beta2) * g * g, o.beta2, load_lanes(v, n))
    g = first / (vec_sqrt(second * vec_set1(scale)) + vec_set1(o.epsilon))
    old = vec_fma(old, -rate, g)
    store_lanes(m, first, n)
    store_lanes(v, second, n)
    store_lanes(p, old, n)


cdef inline void scaled_vector(real* p, vec g, real* v, real rate, real kept, real share,
                               const Optimizer* o, int n) noexcept nogil:
    cdef vec old = load_lanes(p, n)
    cdef vec second
    if o.decay != 0:
        g = vec_fma(g, o.decay, old)
    second = vec_fma(vec_set1(share) * g * g, kept, load_lanes(v, n))
    old = vec_fma(old, -rate, g / (vec_sqrt(second) + vec_set1(o.epsilon)))
    store_lanes(v, second, n)
    store_lanes(p, old, n)


cdef inline void adadelta_vector(real* p, vec g, real* u, real* v, real rate, const Optimizer* o,
                                 int n) noexcept nogil:
    cdef vec old = load_lanes(p, n), steps = load_lanes(u, n), epsilon = vec_set1(o.epsilon)
    cdef vec second
    if o.decay != 0:
        g = vec_fma(g, o.decay, old)
    second = vec_fma(vec_set1(1 - o.beta2) * g * g, o.beta2, load_lanes(v, n))
    g = vec_sqrt(steps + epsilon) / vec_sqrt(second + epsilon) * g
    steps = vec_fma(vec_set1(1 - o.beta2) * g * g, o.beta2, steps)
    store_lanes(u, steps, n)
    store_lanes(v, second, n)
    store_lanes(p, vec_fma(old, -rate, g), n)


cdef inline void nadam_vector(real* p, vec g, real* m, real* v, real of_gradient, real of_first,
                              real scale, const Optimizer* o, int n) noexcept nogil:
    cdef vec old = load_lanes(p, n)
    cdef vec first, second
    if o.decay != 0:
        g = vec_fma(g, o.decay, old)
    first = vec_fma(vec_set1(1 - o.beta1) * g, o.beta1, load_lanes(m, n))
    second = vec_fma(vec_set1(1 - o.beta2) * g * g, o.beta2, load_lanes(v, n))
    g = vec_fma(vec_set1(of_gradient) * g, of_first, first)
    g = g / (vec_sqrt(second * vec_set1(scale)) + vec_set1(o.epsilon))
    store_lanes(m, first, n)
    store_lanes(v, second, n)
    store_lanes(p, old - g, n)


cdef inline void lion_vector(real* p, vec g, real* m, real rate, const Optimizer* o,
                             int n) noexcept nogil:
    cdef vec old = load_lanes(p, n), first = load_lanes(m, n), zero = vec_set1(0)
    cdef vec to = vec_fma(vec_set1(1 - o.beta1) * g, o.beta1, first)
    to = vec_if_greater(to, zero, vec_set1(1), vec_if_greater(zero, to, vec_set1(-1), zero))
    if o.decay != 0:
        to = vec_fma(to, o.decay, old)
    store_lanes(m, vec_fma(vec_set1(1 - o.beta2) * g, o.beta2, first), n)
    store_lanes(p, vec_fma(old, -rate, to), n)


cdef inline int lanes_left(Py_ssize_t i, Py_ssize_t stop) noexcept nogil:
    return VEC_LANES if stop - i >= VEC_LANES else <int>(stop - i)


cdef void no_update(const Optimizer* o, real rate, long step, real* p, const real* g,
                    Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    pass


cdef void sgd(const Optimizer* o, real rate, long step, real* p, const real* g,
              Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t i
    cdef int n
    cdef Optimizer own = o[0]
    for i from start <= i < stop by VEC_LANES:
        n = lanes_left(i, stop)
        sgd_vector(p + i, load_lanes(g + i, n), own.first + i, rate, &own, n)


cdef void adam(const Optimizer* o, real rate, long step, real* p, const real* g,
               Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t i
    cdef int n
    cdef Optimizer own = o[0]
    cdef double correction1 = 1 - pow(o.beta1, <double>step)
    cdef double correction2 = 1 - pow(o.beta2, <double>step)
    for i from start <= i < stop by VEC_LANES:
        n = lanes_left(i, stop)
        adam_vector(p + i, load_lanes(g + i, n), own.first + i, own.second + i,
                    <real>(rate / correction1), <real>correction1, <real>(1 / correction2), &own, n)


cdef inline void scale_all(const Optimizer* o, real rate, real kept, real share, real* p,
                           const real* g, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t i
    cdef int n
    cdef Optimizer own = o[0]
    for i from start <= i < stop by VEC_LANES:
        n = lanes_left(i, stop)
        scaled_vector(p + i, load_lanes(g + i, n), own.second + i, rate, kept, share, &own, n)


cdef void rmsprop(const Optimizer* o, real rate, long step, real* p, const real* g,
                  Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    scale_all(o, rate, <real>o.beta2, <real>(1 - o.beta2), p, g, start, stop)


cdef void adagrad(const Optimizer* o, real rate, long step, real* p, const real* g,
                  Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    scale_all(o, rate, 1, 1, p, g, start, stop)


cdef void adadelta(const Optimizer* o, real rate, long step, real* p, const real* g,
                   Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t i
    cdef int n
    cdef Optimizer own = o[0]
    for i from start <= i < stop by VEC_LANES:
        n = lanes_left(i, stop)
        adadelta_vector(p + i, load_lanes(g + i, n), own.first + i, own.second + i, rate, &own, n)


cdef inline double nadam_momentum(const Optimizer* o, double step) noexcept nogil:
    return o.beta1 * (1 - 0.5 * pow(0.96, step * o.momentum_decay))


cdef double nadam_product(const Optimizer* o, long step) noexcept nogil:
    # The product of the momenta of all steps; 0 below 1e-20, as 1 minus that is 1 either way.
    cdef double product = 1, waned = 1, kept = pow(0.96, o.momentum_decay)
    cdef long i
    if pow(o.beta1, <double>step) < 1e-20:
        return 0
    for i in range(step):
        waned *= kept
        product *= o.beta1 * (1 - 0.5 * waned)
        if product < 1e-20:
            return 0
    return product


cdef void nadam(const Optimizer* o, real rate, long step, real* p, const real* g,
                Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t i
    cdef int n
    cdef double momentum = nadam_momentum(o, <double>step)
    cdef double next_one = nadam_momentum(o, <double>step + 1)
    cdef double product = nadam_product(o, step)
    cdef double of_gradient = rate * (1 - momentum) / (1 - product)
    cdef double of_first = rate * next_one / (1 - product * next_one)
    cdef double correction2 = 1 - pow(o.beta2, <double>step)
    cdef Optimizer own = o[0]
    for i from start <= i < stop by VEC_LANES:
        n = lanes_left(i, stop)
        nadam_vector(p + i, load_lanes(g + i, n), own.first + i, own.second + i,
                     <real>of_gradient, <real>of_first, <real>(1 / correction2), &own, n)


cdef void lion(const Optimizer* o, real rate, long step, real* p, const real* g,
               Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t i
    cdef int n
    cdef Optimizer own = o[0]
    for i from start <= i < stop by VEC_LANES:
        n = lanes_left(i, stop)
        lion_vector(p + i, load_lanes(g + i, n), own.first + i, rate, &own, n)


cdef RuleRow[9] RULE_ROWS = [
    RuleRow(b"none", 0, no_update),
    RuleRow(b"sgd", 1, sgd),
    RuleRow(b"adam", 2, adam),
    RuleRow(b"adamw", 2, adam),
    RuleRow(b"rmsprop", 1, rmsprop),
    RuleRow(b"adagrad", 1, adagrad),
    RuleRow(b"adadelta", 2, adadelta),
    RuleRow(b"nadam", 2, nadam),
    RuleRow(b"lion", 1, lion),
]
has_rows(RULES, 9)

_RULES = {RULE_ROWS[k].name.decode(): k for k in range(RULES)}


cdef inline int moments_of_rule(const Optimizer* o) noexcept nogil:
    return 0 if o.rule == SGD and o.momentum == 0 else RULE_ROWS[o.rule].moments


cdef describe_rule(Optimizer* o, rule):
    o.rule = row_of_name(_RULES, "rule", rule.name)
    o.momentum, o.nesterov, o.decay = rule.momentum, rule.nesterov, rule.weight_decay
    o.beta1, o.beta2, o.epsilon = rule.beta1, rule.beta2, rule.epsilon
    o.momentum_decay, o.decays_biases = rule.momentum_decay, rule.decay_biases
    o.clip_norm, o.clip_value = rule.clip_norm, rule.clip_value


cdef give_moments(Optimizer* o, moments, average, Py_ssize_t parameters):
    # With one moment both names are right; with none they are not used.
    cdef Py_ssize_t kept = moments_of_rule(o)
    cdef Py_ssize_t rows = len(moments)
    if locate(moments, sizeof(real), <void**>&o.first) != rows * parameters or rows < kept:
        raise ValueError(f"moments must have shape ({kept}, {parameters}); "
                         f"received {moments.shape}")
    o.second = o.first + max(rows - 1, 0) * parameters
    o.groups, o.average = NULL, NULL
    if average is not None:
        if locate(average.values, sizeof(real), <void**>&o.average) != parameters:
            raise ValueError(f"average must be of {parameters} numbers; "
                             f"received {average.values.size}")
        o.kept, o.first_step = average.decay, average.since + 1
