# Parsing by merging neighbours (article 7): of all pairs of neighbours the one whose parent has the
# highest score becomes a node, until one is left. The score of a node is a product with its vector,
# that of a tree the sum over its nodes.
#
#     score(d) = u y_d,    s(y) = sum over nodes d of score(d)
#
# There are too many trees to look at all, and no dynamic programming over spans, as a node's vector
# depends on all that is below it. So the best few states are kept after each merge (`beam`; one is
# the greedy parser).
#
# For training by a margin a node that is no subtree of the gold tree gets the penalty on top of its
# score: the best tree is then wrong and scored highly at once. As the search may miss it, trees are
# compared after every merge, while they are still in parts, with as many merges that are right, and
# taken where the wrong one is most ahead (the largest violation of Huang, Fayong and Guo 2012).
#
# A state is a row of nodes that cover the sentence, and for each pair of neighbours the node that
# they would make. Nodes are made once, whichever state wants them; all that a step wants are one
# product.

cdef struct Parser:
    Composition p
    const real* parameters
    const real* score               # u and, after it, its bias
    Py_ssize_t beam, words          # words of the longest sentence
    Py_ssize_t candidates           # merges that are kept in order, of all states of a step
    real penalty
    # the sentences
    const real* leaves              # (words of all, units)
    const int64_t* start            # of each sentence's words
    Py_ssize_t sentences
    # (words of all, 2): of each sentence of n words n - 1 spans that are right; or NULL.
    const int32_t* gold
    # (words of all, 2): of each sentence's tree the nodes, leaves being counted first.
    int32_t* merges
    int32_t* right                  # the same of right merges
    # Of each sentence, how many there are: n - 1, or fewer where trees are compared in parts.
    int64_t* counts
    double* scores                  # of each sentence's tree, or by how much the wrong one is ahead
    # each worker's
    Search* search
    work_items items
    meeting crew
    Watch watch


cdef struct Search:
    Nodes q
    int* child                      # (nodes, 2)
    int* span                       # (nodes, 2)
    unsigned char* right            # whether a node is a subtree of the gold tree
    double* score                   # of a node, with its penalty
    Py_ssize_t nodes
    int* table                      # nodes by their children
    Py_ssize_t slots
    unsigned char* gold             # (words, words + 1), whether a span is right
    # (2, beam, 2, words): nodes and pairs, of this step and of the next.
    int* states
    double* totals                  # (2, beam)
    int* sequence                   # right merges, one after another
    double* so_far                  # their scores added up
    int* worst                      # the row of nodes that is most ahead
    double* best                    # of candidates
    int* origin                     # (candidates, 2): state and pair


cdef inline Py_ssize_t nodes_for(Py_ssize_t beam, Py_ssize_t words) noexcept nogil:
    # Words, first pairs, and two new pairs for each merge of a state or a right one.
    return (2 * beam + 4) * words


cdef inline Py_ssize_t slots_for(Py_ssize_t beam, Py_ssize_t words) noexcept nogil:
    return 3 * nodes_for(beam, words)


cdef int make_node(Search* s, int left, int right) noexcept nogil:
    # Its place, which is known before its vector is.
    cdef uint64_t slot = scramble((<uint64_t>left << 32) | <uint64_t>right) % <uint64_t>s.slots
    cdef int node = s.table[slot]
    while node >= 0:
        if s.child[2 * node] == left and s.child[2 * node + 1] == right:
            return node
        slot = slot + 1 if slot + 1 < <uint64_t>s.slots else 0
        node = s.table[slot]
    node = <int>s.nodes
    s.nodes += 1
    s.table[slot] = node
    s.child[2 * node], s.child[2 * node + 1] = left, right
    s.span[2 * node], s.span[2 * node + 1] = s.span[2 * left], s.span[2 * right + 1]
    return node


cdef void score_nodes(const Parser* g, Search* s, int worker, Py_ssize_t first,
                      Py_ssize_t words) noexcept nogil:
    # The nodes made since `first`.
    cdef Py_ssize_t node, j, units = g.p.units, whole = units // VEC_LANES * VEC_LANES
    cdef const real* y
    cdef vec sums
    # And no double: a sum overflows on every processor, or on none.
    cdef real score
    cdef const int* child
    if first == s.nodes:
        return
    compose(&g.p, g.parameters, worker, &s.q, first, s.nodes)
    for node in range(first, s.nodes):
        y, sums = s.q.y + node * s.q.y_stride, vec_set1(0)
        for j from 0 <= j < whole by VEC_LANES:
            sums = sums + vec_load(y + j) * vec_load(g.score + j)
        score = vec_sum(sums) + g.score[units]
        for j in range(whole, units):
            score += y[j] * g.score[j]
        s.score[node] = score
        child = s.child + 2 * node
        s.right[node] = (g.gold != NULL and s.right[child[0]] and s.right[child[1]]
                         and s.gold[s.span[2 * node] * (words + 1) + s.span[2 * node + 1]])
        if g.gold != NULL and not s.right[node]:
            s.score[node] += g.penalty


cdef inline int* nodes_of_state(const Parser* g, const Search* s, int step,
                                Py_ssize_t state) noexcept nogil:
    # The row of nodes; the nodes of its pairs come `words` after it.
    return s.states + ((step % 2) * g.beam + state) * 2 * g.words


cdef void start_search(const Parser* g, Search* s, int worker, Py_ssize_t sentence) noexcept nogil:
    cdef Py_ssize_t first = g.start[sentence], n = g.start[sentence + 1] - first, i
    cdef int* nodes = nodes_of_state(g, s, 0, 0)
    s.nodes, s.slots = n, slots_for(g.beam, n)
    for i in range(s.slots):
        s.table[i] = -1
    if g.gold != NULL:
        memset(s.gold, 0, n * (n + 1))
        for i in range(first, first + n - 1):
            s.gold[g.gold[2 * i] * (n + 1) + g.gold[2 * i + 1]] = 1
    for i in range(n):
        plant(&g.p, &s.q, i, g.leaves + (first + i) * g.p.units)
        s.span[2 * i], s.span[2 * i + 1], s.right[i], nodes[i] = <int>i, <int>i + 1, 1, <int>i
    for i in range(n - 1):
        nodes[g.words + i] = make_node(s, <int>i, <int>i + 1)
    s.totals[0] = 0
    score_nodes(g, s, worker, n, n)


cdef Py_ssize_t best_candidates(const Parser* g, Search* s, int step, Py_ssize_t states,
                                Py_ssize_t pairs) noexcept nogil:
    # The highest `beam` merges of all states, in order, the first coming first among equals. More
    # are kept than there are places for, as two may lead to one state.
    cdef Py_ssize_t state, i, j, kept = 0, most = g.candidates
    cdef const double* totals = s.totals + (step % 2) * g.beam
    cdef double total
    for state in range(states):
        for i in range(pairs):
            total = totals[state] + s.score[nodes_of_state(g, s, step, state)[g.words + i]]
            if kept == most and total <= s.best[kept - 1]:
                continue
            j = kept if kept < most else most - 1
            kept = min(kept + 1, most)
            while j > 0 and s.best[j - 1] < total:
                s.best[j] = s.best[j - 1]
                s.origin[2 * j] = s.origin[2 * j - 2]
                s.origin[2 * j + 1] = s.origin[2 * j - 1]
                j -= 1
            s.best[j], s.origin[2 * j], s.origin[2 * j + 1] = total, <int>state, <int>i
    return kept


cdef Py_ssize_t merge(const Parser* g, Search* s, int step, Py_ssize_t states,
                      Py_ssize_t pairs) noexcept nogil:
    # From `states` rows of pairs + 1 nodes to as many, of one node less, as are different.
    cdef Py_ssize_t candidate, i, other, kept = 0
    cdef Py_ssize_t candidates = best_candidates(g, s, step, states, pairs)
    cdef int* before
    cdef int* after
    cdef int at
    for candidate in range(candidates):
        if kept == g.beam:
            break
        at = s.origin[2 * candidate + 1]
        before = nodes_of_state(g, s, step, s.origin[2 * candidate])
        after = nodes_of_state(g, s, step + 1, kept)
        memcpy(after, before, at * sizeof(int))
        after[at] = before[g.words + at]
        memcpy(after + at + 1, before + at + 2, (pairs - at - 1) * sizeof(int))
        other = 0
        while other < kept and not equal_rows(after, nodes_of_state(g, s, step + 1, other), pairs):
            other += 1
        if other < kept:
            continue
        memcpy(after + g.words, before + g.words, at * sizeof(int))
        if at + 1 < pairs:
            memcpy(after + g.words + at, before + g.words + at + 1, (pairs - at - 1) * sizeof(int))
        for i in range(max(at - 1, 0), min(at + 1, pairs - 1)):
            after[g.words + i] = make_node(s, after[i], after[i + 1])
        s.totals[((step + 1) % 2) * g.beam + kept] = s.best[candidate]
        kept += 1
    return kept


cdef bint equal_rows(const int* a, const int* b, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if a[i] != b[i]:
            return False
    return True


cdef void follow_right(const Parser* g, Search* s, int worker, Py_ssize_t n) noexcept nogil:
    # The best right merge, again and again. The first step's row is left as it was.
    cdef int* nodes = nodes_of_state(g, s, 1, 0)
    cdef int* pairs = nodes + g.words
    cdef Py_ssize_t left, i, at, made
    memcpy(nodes, nodes_of_state(g, s, 0, 0), 2 * g.words * sizeof(int))
    s.so_far[0] = 0
    for left in range(n - 1, 0, -1):
        at = -1
        for i in range(left):
            if s.right[pairs[i]] and (at < 0 or s.score[pairs[i]] > s.score[pairs[at]]):
                at = i
        s.sequence[n - 1 - left] = pairs[at]
        s.so_far[n - left] = s.so_far[n - 1 - left] + s.score[pairs[at]]
        nodes[at] = pairs[at]
        for i in range(at + 1, left):
            nodes[i] = nodes[i + 1]
        for i in range(at, left - 1):
            pairs[i] = pairs[i + 1]
        made = s.nodes
        for i in range(max(at - 1, 0), min(at + 1, left - 1)):
            pairs[i] = make_node(s, nodes[i], nodes[i + 1])
        score_nodes(g, s, worker, made, n)


cdef void write_merges(Search* s, const int* tops, Py_ssize_t count, Py_ssize_t n,
                       int32_t* merges) noexcept nogil:
    # What is below these nodes, and they: children have come before their parents.
    cdef int* place = s.table               # not needed any more
    cdef Py_ssize_t node, next = 0, k
    for node in range(s.nodes):
        place[node] = -1
    for k in range(count):
        place[tops[k]] = 0
    for node in range(s.nodes - 1, n - 1, -1):
        if place[node] == 0:
            place[s.child[2 * node]] = place[s.child[2 * node + 1]] = 0
    for node in range(n):
        place[node] = <int>node
    for node in range(n, s.nodes):
        if place[node] == 0:
            place[node] = <int>(n + next)
            merges[2 * next] = place[s.child[2 * node]]
            merges[2 * next + 1] = place[s.child[2 * node + 1]]
            next += 1
