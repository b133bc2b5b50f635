# Trees as samples: how a group's nodes are laid out as rows of the network's tensors, in the order
# of heights.

cdef struct Forest:
    # The trees of a job, each node after its children.
    Py_ssize_t arity
    # The first node of each tree, and the end of the last; NULL if samples are not trees.
    const int64_t* start
    const int32_t* children         # (nodes, arity), -1 where there is none
    const int32_t* height           # of each node, 0 of a leaf
    # How the batch's nodes are laid out, row after row: groups write it, and read it going back.
    int* child                      # (rows, arity): rows within the group
    int* node                       # which one stands here
    # The first row of each group, the number of its rows, and of the leaves among them.
    int* first
    int* rows
    int* leaves
    int* scratch                    # of each worker
    Py_ssize_t scratch_stride


cdef inline Py_ssize_t tree_size(const Forest* f, Py_ssize_t tree) noexcept nogil:
    return <Py_ssize_t>(f.start[tree + 1] - f.start[tree])


cdef Py_ssize_t nodes_of(const Forest* f, const int64_t* order, Py_ssize_t first,
                         Py_ssize_t last) noexcept nogil:
    # How many nodes the trees first to last of the order have.
    cdef Py_ssize_t i, total = 0
    if order == NULL:
        return <Py_ssize_t>(f.start[last] - f.start[first])
    for i in range(first, last):
        total += tree_size(f, order[i])
    return total


cdef void lay_group(const Forest* f, int worker, Py_ssize_t group, Py_ssize_t row,
                    const int64_t* order, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # The nodes of trees first to last of the order, from this row on, by a counting sort of
    # heights.
    cdef int* place = f.scratch + worker * f.scratch_stride
    cdef int* next                  # of each height: the row that its next node takes
    cdef int* child
    cdef Py_ssize_t i, n, k, start, largest = 0, heights = 1
    cdef int height, total = 0, count
    for i in range(first, last):
        largest = max(largest, tree_size(f, order[i] if order != NULL else i))
    next = place + largest
    memset(next, 0, (largest + 1) * sizeof(int))
    for i in range(first, last):
        start = f.start[order[i] if order != NULL else i]
        for n in range(tree_size(f, order[i] if order != NULL else i)):
            height = f.height[start + n]
            next[height] += 1
            heights = max(heights, height + 1)
    f.leaves[group] = next[0]
    for i in range(heights):
        count = next[i]
        next[i] = total
        total += count
    f.first[group], f.rows[group] = <int>row, total
    for i in range(first, last):
        start = f.start[order[i] if order != NULL else i]
        for n in range(tree_size(f, order[i] if order != NULL else i)):
            height = f.height[start + n]
            place[n] = next[height]
            next[height] += 1
            f.node[row + place[n]] = <int>(start + n)
            child = f.child + (row + place[n]) * f.arity
            for k in range(f.arity if height else 0):
                child[k] = place[f.children[(start + n) * f.arity + k] - start]


cdef inline Py_ssize_t level_end(const Forest* f, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    # Behind the rows, from this one on, that are of its height.
    cdef int height = f.height[f.node[row]]
    while row < end and f.height[f.node[row]] == height:
        row += 1
    return row


cdef inline Py_ssize_t level_start(const Forest* f, Py_ssize_t first,
                                   Py_ssize_t end) noexcept nogil:
    cdef int height = f.height[f.node[end - 1]]
    while end > first and f.height[f.node[end - 1]] == height:
        end -= 1
    return end


cdef class Trees:
    """Trees, or parts of trees, as samples of a plan. Each node comes after its children.

    Parameters
    ----------
    start : ndarray of int64, shape (trees + 1,)
        The first node of each tree, and the number of nodes at the end.
    children : ndarray of int32, shape (nodes, arity)
        The children of each node, counted over all trees; -1 for none. A node has all or none.
    """
    cdef const int64_t[::1] start           # copies all, as the core relies on what was checked
    cdef const int32_t[:, ::1] children
    cdef const int32_t[::1] height
    cdef object sizes               # sums of the largest trees' nodes
    cdef readonly Py_ssize_t nodes, arity

    def __cinit__(self, start, children):
        cdef Py_ssize_t tree, i, k
        cdef int32_t child
        start = np.array(start, np.int64)
        self.start = start
        self.children = np.array(children, np.int32)
        self.nodes, self.arity = self.children.shape[0], self.children.shape[1]
        cdef int32_t[::1] height = np.zeros(self.nodes, np.int32)
        sizes = np.diff(start)
        if (not len(sizes) or start[0] != 0 or start[len(sizes)] != self.nodes
                or sizes.min() < 1):
            raise ValueError(f"start must rise from 0 to {self.nodes}, a node at least for each "
                             f"tree; received {start}")
        for tree in range(len(self)):
            for i in range(self.start[tree], self.start[tree + 1]):
                for k in range(self.arity if self.children[i, 0] >= 0 else 0):
                    child = self.children[i, k]
                    if not self.start[tree] <= child < i:
                        raise ValueError("children must be nodes of their tree before their "
                                         f"parent; received {child} of node {i}")
                    height[i] = max(height[i], height[child] + 1)
        self.height = height
        self.sizes = np.cumsum(np.sort(sizes)[::-1])

    def __len__(self):
        return self.start.shape[0] - 1

    def largest(self, Py_ssize_t trees):
        """The most nodes that this many of the trees have."""
        return int(self.sizes[min(trees, len(self)) - 1])

    cdef describe(self, Forest* f):
        f.arity = self.arity
        f.start, f.children = &self.start[0], &self.children[0, 0]
        f.height = &self.height[0]


cdef inline int* _ints(block) except NULL:
    cdef int[::1] view = block
    return &view[0]


cdef class Places:
    """The places of the nodes of a batch's groups, with room for this many nodes."""
    cdef Py_ssize_t rows, groups, largest
    cdef int workers
    cdef list blocks

    cdef bint has_room(self, Py_ssize_t rows, Py_ssize_t groups, Py_ssize_t largest, int workers):
        return (rows <= self.rows and groups <= self.groups and largest <= self.largest
                and workers <= self.workers)

    cdef grow(self, Forest* f, Py_ssize_t rows, Py_ssize_t groups, Py_ssize_t largest, int workers,
              Py_ssize_t arity):
        self.rows, self.groups = max(rows, self.rows), max(groups, self.groups)
        self.largest, self.workers = max(largest, self.largest), max(workers, self.workers)
        f.scratch_stride = 2 * self.largest + 16
        sizes = (self.rows * arity, self.rows, self.groups, self.groups, self.groups,
                 self.workers * f.scratch_stride)
        self.blocks = [np.empty(n, np.intc) for n in sizes]
        f.child, f.node = _ints(self.blocks[0]), _ints(self.blocks[1])
        f.first, f.rows = _ints(self.blocks[2]), _ints(self.blocks[3])
        f.leaves, f.scratch = _ints(self.blocks[4]), _ints(self.blocks[5])
