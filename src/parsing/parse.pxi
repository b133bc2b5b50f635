# The search, sentence by sentence on threads, and what Python calls.

cdef void parse_sentence(Parser* g, int worker, Py_ssize_t sentence) noexcept nogil:
    cdef Search* s = &g.search[worker]
    cdef Py_ssize_t first = g.start[sentence], n = g.start[sentence + 1] - first
    cdef Py_ssize_t states = 1, made, count = 0
    cdef double ahead, most = 0
    cdef int step
    start_search(g, s, worker, sentence)
    if g.gold != NULL:
        follow_right(g, s, worker, n)
    for step in range(n - 1):
        made = s.nodes
        states = merge(g, s, step, states, n - 1 - step)
        score_nodes(g, s, worker, made, n)
        worked(&g.watch, worker, <double>(s.nodes - made) * g.p.w.rows * g.p.w.columns
               + <double>states * g.candidates)
        if is_ending(&g.watch):
            return
        if g.gold != NULL:
            ahead = s.totals[((step + 1) % 2) * g.beam] - s.so_far[step + 1]
            if not ahead <= most:               # NaN is to be told
                most, count = ahead, step + 1
                memcpy(s.worst, nodes_of_state(g, s, step + 1, 0), (n - count) * sizeof(int))
    if g.gold == NULL:
        g.scores[sentence], g.counts[sentence] = s.totals[((n - 1) % 2) * g.beam], n - 1
        write_merges(s, nodes_of_state(g, s, <int>n - 1, 0), 1, n, g.merges + 2 * first)
        return
    g.scores[sentence], g.counts[sentence] = most, count
    if count:
        write_merges(s, s.worst, n - count, n, g.merges + 2 * first)
        write_merges(s, s.sequence, count, n, g.right + 2 * first)


cdef void look_at_parser(void* context) noexcept nogil:
    ask(&(<Parser*>context).watch)


cdef void parse_worker(void* context, int worker) noexcept nogil:
    cdef Parser* g = <Parser*>context
    cdef Py_ssize_t sentence
    lay_panels_of(&g.p.w, g.parameters, worker, TILE)
    sentence = next_item(&g.items, g.sentences, g.crew.workers, worker)
    while sentence >= 0:
        parse_sentence(g, worker, sentence)
        if is_ending(&g.watch):
            return
        sentence = next_item(&g.items, g.sentences, g.crew.workers, worker)


cdef _reserve_search(Memory memory, const Parser* g, Search* s):
    # For the longest sentence.
    cdef Py_ssize_t nodes = nodes_for(g.beam, g.words)
    s.q.y_stride = padded(g.p.units) + VEC_LANES
    s.q.y = memory.take(nodes * s.q.y_stride)
    s.q.features = memory.take(nodes * g.p.features_stride)
    s.q.gates = memory.take(nodes * g.p.gates_stride) if g.p.kind == TREE_LSTM else s.q.y
    s.q.c = memory.take(nodes * g.p.c_stride) if g.p.kind == TREE_LSTM else s.q.y
    s.child, s.span = memory.take_ints(2 * nodes), memory.take_ints(2 * nodes)
    s.q.child = s.child
    s.table = memory.take_ints(slots_for(g.beam, g.words))
    s.right = <unsigned char*>memory.take_ints(nodes // 4 + 1)
    s.gold = <unsigned char*>memory.take_ints(g.words * (g.words + 1) // 4 + 1)
    s.score, s.totals = memory.take_doubles(nodes), memory.take_doubles(2 * g.beam)
    s.best = memory.take_doubles(g.candidates)
    s.sequence, s.worst = memory.take_ints(g.words), memory.take_ints(g.words)
    s.so_far = memory.take_doubles(g.words + 1)
    s.states = memory.take_ints(4 * g.beam * g.words)
    s.origin = memory.take_ints(2 * g.candidates)


def parse(str composition, str activation, double setting, Py_ssize_t units, parameters,
          Py_ssize_t offset, score, const real[:, ::1] leaves, const int64_t[::1] start, gold,
          double penalty, Py_ssize_t beam, int threads):
    """The best trees found for some sentences.

    Parameters
    ----------
    composition, activation, setting, units, parameters, offset
        Those of a recursive layer of two children, in a flat vector made by `aligned_zeros`.
    score : ndarray, shape (units + 1,)
        u and its bias.
    leaves : ndarray, shape (W, units)
        The vector of each word.
    start : ndarray of int64
        The first word of each sentence, and W at the end.
    gold : ndarray of int32, shape (W, 2), or None
        The right spans, n - 1 for each sentence of n words, from the place of its first word on.
    penalty : float
        The margin for each node that is not in the gold tree.
    beam, threads : int

    Returns
    -------
    merges : ndarray of int32, shape (W, 2)
        The children of the n - 1 nodes of each sentence of n words, the root last, from the place
        of its first word on; words are numbered first, then nodes.
    right, counts : ndarray
        With `gold`, as many right merges, and the number of each; 0 if no tree led.
    scores : ndarray of float64
        The scores of the trees or, with `gold`, the lead of the wrong merges.
    """
    cdef Parser g
    cdef const real[::1] p = parameters
    cdef real[::1] u = _roomy(score, (units + 1,))
    cdef const int32_t[:, ::1] spans
    cdef Memory memory
    cdef Py_ssize_t words = leaves.shape[0], longest = int(np.diff(start).max()), worker
    merges, right = np.zeros((words, 2), np.int32), np.zeros((words, 2), np.int32)
    scores = np.zeros(start.shape[0] - 1)
    counts = np.zeros(start.shape[0] - 1, np.int64)
    cdef int32_t[:, ::1] found = merges
    cdef int32_t[:, ::1] good = right
    cdef int64_t[::1] count = counts
    cdef double[::1] totals = scores
    memset(&g, 0, sizeof(Parser))
    describe_composition(&g.p, row_of_name(_COMPOSITIONS, "composition", composition),
                         row_of_name(_FUSED, "activation", activation), <real>setting, 2, units,
                         offset)
    g.parameters, g.score = &p[0], &u[0]
    g.beam, g.words, g.penalty = beam, longest, <real>penalty
    g.candidates = min(beam * beam, beam * longest)
    g.leaves, g.start, g.sentences = &leaves[0, 0], &start[0], start.shape[0] - 1
    if gold is not None:
        spans = gold
        g.gold = &spans[0, 0]
    g.merges, g.right, g.counts, g.scores = &found[0, 0], &good[0, 0], &count[0], &totals[0]
    threads = <int>max(1, min(threads, g.sentences, MAX_WORKERS))
    memory = Memory(INFERENCE, 0, threads, False)
    memory.take_panels(&g.p.w, True, False)
    searches = np.zeros(threads * sizeof(Search), np.uint8)
    cdef unsigned char[::1] raw = searches
    g.search = <Search*>&raw[0]
    for worker in range(threads):
        _reserve_search(memory, &g, &g.search[worker])
    meeting_open(&g.crew, threads)
    open_watch(&g.watch, &g.crew.ending)
    with nogil:
        parallel_run(parse_worker, &g, &g.crew.workers, look_at_parser)
    meeting_close(&g.crew)
    raise_what_ended(&g.watch)
    return merges, right, counts, scores
