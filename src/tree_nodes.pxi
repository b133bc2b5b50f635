# Heights and spans of nodes in post-order, for fastdl.trees.

def tree_heights(const int64_t[::1] start, const int32_t[::1] parents):
    """The height of each node, 0 for a leaf.

    None if trees are not in post-order, with each root as its tree's last node.
    """
    cdef Py_ssize_t tree, i, child, open_nodes, nodes = parents.shape[0]
    cdef bint ordered = True
    out = np.zeros(nodes, np.int32)
    cdef int32_t[::1] height = out
    # Nodes whose parent has not come yet.
    cdef int32_t[::1] waiting = np.zeros(max(1, nodes), np.int32)
    with nogil:
        for tree in range(start.shape[0] - 1):
            open_nodes = 0
            for i in range(start[tree], start[tree + 1]):
                while open_nodes and parents[waiting[open_nodes - 1]] == i:
                    open_nodes -= 1
                    child = waiting[open_nodes]
                    height[i] = max(height[i], height[child] + 1)
                if parents[i] <= i and i + 1 < start[tree + 1]:
                    ordered = False
                waiting[open_nodes] = <int32_t>i
                open_nodes += 1
            ordered = ordered and open_nodes == 1 and parents[start[tree + 1] - 1] == -1
    return out if ordered else None


def tree_spans(const int64_t[::1] start, const int32_t[::1] parents):
    """The first leaf below each node and the one after the last, in its tree: (nodes, 2)."""
    cdef Py_ssize_t tree, i
    cdef int32_t leaf, parent
    if start[0] != 0 or start[start.shape[0] - 1] != parents.shape[0] or (np.diff(start) < 0).any():
        received = np.asarray(start)
        raise ValueError(f"start must rise from 0 to {parents.shape[0]}; received {received}")
    out = np.zeros((parents.shape[0], 2), np.int32)
    cdef int32_t[:, ::1] span = out
    with nogil:
        for tree in range(start.shape[0] - 1):
            leaf = 0
            for i in range(start[tree], start[tree + 1]):
                if span[i, 1] == 0:
                    span[i, 0] = leaf
                    leaf += 1
                    span[i, 1] = leaf
                parent = parents[i]
                if parent >= 0 and parent < parents.shape[0]:
                    span[parent, 0] = span[i, 0] if span[parent, 1] == 0 else min(span[parent, 0],
                                                                                  span[i, 0])
                    span[parent, 1] = max(span[parent, 1], span[i, 1])
    return out
