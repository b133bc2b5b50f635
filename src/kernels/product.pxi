# A product of any size, blocked for the caches, around the tile.
#
# A panel of w, up to three vectors wide, meets all rows of x, a tile of them at a time. A sum is
# cut into parts so short that the panel stays in the nearest cache meanwhile; where one part leaves
# c, the next goes on. What is read often and does not lie from front to back is packed first: a
# panel of w that meets many rows, and rows of x that lie term by term, far apart, and meet many
# panels (Goto, van de Geijn 2008). High tiles read so little that packing rows costs more than it
# brings.

cdef inline Product product(Py_ssize_t length, const real* x, Py_ssize_t row_step,
                            Py_ssize_t x_step, const real* w, Py_ssize_t w_step, const real* init,
                            Py_ssize_t init_step, real* c, Py_ssize_t c_step) noexcept nogil:
    # One segment of so many terms, for a tile as it is: what else there is to say is said of q.
    cdef Product q
    q.segments, q.length = 1, length
    q.x, q.x_segment = x, 0
    q.row_step, q.x_step = row_step, x_step
    q.w, q.w_segment, q.w_step, q.w_column = w, 0, w_step, 1
    q.init, q.init_step = init, init_step
    q.c, q.c_step = c, c_step
    q.next = NULL
    q.may_pack, q.in_order = False, False
    return q


cdef inline void in_segments(Product* q, Py_ssize_t segments, Py_ssize_t x_segment,
                             Py_ssize_t w_segment) noexcept nogil:
    q.segments, q.x_segment, q.w_segment = segments, x_segment, w_segment


cdef inline void of_transposed(Product* q, Py_ssize_t w_column) noexcept nogil:
    # w is the transposed of what lies there, row by row: panels are turned while they are packed.
    q.w_step, q.w_column, q.may_pack = 1, w_column, True


cdef enum:
    MANY_ROWS = 64              # from which on panels are packed for them, where tiles are low
    MANY_PANELS = 16            # from which on rows are packed for them, likewise
    NEAR = 1 << 12              # numbers of w up to which it stays in the nearest cache as it is
    FAR = 1 << 20               # numbers of w from which on its next panel is fetched meanwhile
    LONG = 1 << 13              # terms of a sum that is not cut: of more, rounding might be seen


cdef extern from * nogil:
    """
    #define PACKED_ROWS 128
    #define PER_THREAD static _Thread_local __attribute__((aligned(64)))
    PER_THREAD real packed_rows[PACKS * PACKED_ROWS * PANEL_TERMS + VEC_LANES];
    PER_THREAD real packed_panel[TILE * VEC_LANES * PANEL_TERMS];
    #define PARTIAL_SUMS 65536
    PER_THREAD real partial_sums[PARTIAL_SUMS + VEC_LANES];
    """
    const int PACKED_ROWS       # at a time
    real packed_rows[]          # where a thread packs them
    real packed_panel[]
    const int PARTIAL_SUMS
    real partial_sums[]


cdef inline void fetch_terms(const Product* ahead, Py_ssize_t part,
                             Py_ssize_t parts) noexcept nogil:
    # A part of the panel that comes next: its terms lie so far apart that no processor foresees
    # them.
    cdef Py_ssize_t terms = ahead.segments * ahead.length, i, s, j, k
    i = terms * part // parts
    s, j = i // ahead.length, i % ahead.length
    for i in range(i, terms * (part + 1) // parts):
        for k from 0 <= k < TILE * VEC_LANES by LINE:
            prefetch_to_read(ahead.w + s * ahead.w_segment + j * ahead.w_step + k)
        j += 1
        if j == ahead.length:
            s, j = s + 1, 0


cdef inline void panel(const int vectors, const Product* q, const Product* ahead, Py_ssize_t rows,
                       Py_ssize_t n, int last) noexcept nogil:
    # Rows are shared out evenly: 16 rows under a limit of 14 are 8 and 8, not 14 and 2.
    cdef int limit = TILE_ROWS_1 if vectors == 1 else TILE_ROWS_2 if vectors == 2 else TILE_ROWS_3
    cdef Py_ssize_t tiles = (rows + limit - 1) // limit, i, row = 0, stop
    for i in range(tiles):
        stop = rows * (i + 1) // tiles
        if ahead != NULL:
            fetch_terms(ahead, i, tiles)
        if q.row_step == 1:
            rows_of_tile(<int>(stop - row), vectors, 1, q, row, n, last)
        else:
            rows_of_tile(<int>(stop - row), vectors, 0, q, row, n, last)
        row = stop


cdef inline void panel_of_packed(const int vectors, const Product* q, const Product* ahead,
                                 Py_ssize_t rows, Py_ssize_t n, int last) noexcept nogil:
    # The same of packed rows, in the tiles that pack_rows made.
    cdef Py_ssize_t tiles = (rows + TILE_ROWS_3 - 1) // TILE_ROWS_3, i, row, height
    cdef Product p = q[0]
    for i in range(tiles):
        row = rows * i // tiles
        height = rows * (i + 1) // tiles - row
        p.x = q.x + row * (q.segments * q.length - 1)
        p.x_segment, p.x_step = q.length * height, height
        if ahead != NULL:
            fetch_terms(ahead, i, tiles)
        rows_of_tile(<int>height, vectors, 1, &p, row, n, last)


cdef void pack_rows(Product* q, Py_ssize_t rows, real* pack) noexcept nogil:
    # Tile by tile, a tile's rows side by side, term by term; they lie so, far apart.
    cdef Py_ssize_t tiles = (rows + TILE_ROWS_3 - 1) // TILE_ROWS_3
    cdef Py_ssize_t i, row, height, s, j, m
    cdef const real* x
    cdef real* y = pack
    for i in range(tiles):
        row = rows * i // tiles
        height = rows * (i + 1) // tiles - row
        for s in range(q.segments):
            x = q.x + s * q.x_segment + row
            for j in range(q.length):
                for m from 0 <= m < height by VEC_LANES:    # what it spills, the next overwrites
                    vec_store(y + m, vec_load(x + m))
                x += q.x_step
                y += height
    q.x = pack


cdef inline void pack_panel(const int vectors, Product* q, Py_ssize_t n, int last,
                            real* pack) noexcept nogil:
    cdef Py_ssize_t s, j
    cdef int v
    cdef const real* w
    cdef real* y = pack
    for s in range(q.segments):
        w = q.w + s * q.w_segment + n * q.w_column
        if q.w_column > 1:
            transpose(w, q.w_column, y, vectors * VEC_LANES, (vectors - 1) * VEC_LANES + last,
                      q.length)
            y += q.length * vectors * VEC_LANES
            continue
        for j in range(q.length):
            for v in range(vectors):
                vec_store(y + v * VEC_LANES, vec_load(w + v * VEC_LANES))
            w += q.w_step
            y += vectors * VEC_LANES
    q.w, q.w_segment, q.w_step = pack - n, q.length * vectors * VEC_LANES, vectors * VEC_LANES


cdef inline bint crowds(const Product* q) noexcept nogil:
    # Whether the terms of a panel lie a power of two apart, so that they fall on the same few cache
    # lines and drive one another out.
    return q.length >= 64 and q.w_step * sizeof(real) % 1024 == 0


cdef inline void multiply_panel(const int vectors, Product* q, const Product* ahead, bint packed,
                                bint packs, Py_ssize_t rows, Py_ssize_t n,
                                int last) noexcept nogil:
    if packs:
        pack_panel(vectors, q, n, last, packed_panel)
    if packed:
        panel_of_packed(vectors, q, ahead, rows, n, last)
    else:
        panel(vectors, q, ahead, rows, n, last)


cdef void multiply_rows(const Product* product, Py_ssize_t rows, Py_ssize_t columns,
                        bint packs_rows, bint packs_panels, bint fetches, bint overruns,
                        Py_ssize_t term, Py_ssize_t terms) noexcept nogil:
    # `term` is how many of all terms of the sum come before this part.
    cdef Py_ssize_t vectors = (columns + VEC_LANES - 1) // VEC_LANES
    cdef Py_ssize_t panels = (vectors + TILE - 1) // TILE
    cdef Py_ssize_t i, start = 0, end
    cdef Product of_rows = product[0], q, following
    cdef const Product* ahead
    cdef int last
    if packs_rows:
        pack_rows(&of_rows, rows, packed_rows)
    for i in range(panels):
        end = vectors * (i + 1) // panels
        q, ahead = of_rows, NULL
        if fetches and end < vectors:
            following = of_rows
            following.w += end * VEC_LANES
            ahead = &following
        if q.w_step == 0:
            q.w_step = (end - start) * VEC_LANES
            q.w += start * VEC_LANES * (terms - 1) + term * q.w_step
        last = (VEC_LANES if end < vectors or overruns
                else <int>(columns - (vectors - 1) * VEC_LANES))
        if end - start == 1:
            multiply_panel(1, &q, ahead, packs_rows, packs_panels, rows, start * VEC_LANES, last)
        elif end - start == 2:
            multiply_panel(2, &q, ahead, packs_rows, packs_panels, rows, start * VEC_LANES, last)
        else:
            multiply_panel(3, &q, ahead, packs_rows, packs_panels, rows, start * VEC_LANES, last)
        start = end


cdef void multiply_long(const Product* product, Py_ssize_t rows,
                        Py_ssize_t columns) noexcept nogil:
    # Sums of so many terms that in one of them rounding would be seen: some at a time, of as many
    # rows and columns as there is room for.
    cdef Py_ssize_t high = min(rows, PACKED_ROWS), row, n, s, j, k, height, width
    cdef Py_ssize_t wide = PARTIAL_SUMS // high // (TILE * VEC_LANES) * TILE * VEC_LANES
    cdef Py_ssize_t some = max(1, LONG // product.length)
    cdef Product q
    cdef real* c
    for row from 0 <= row < rows by high:
        height = min(high, rows - row)
        for n from 0 <= n < columns by wide:
            width = min(wide, columns - n)
            c = product.c + row * product.c_step + n
            for s from 0 <= s < product.segments by some:
                for j from 0 <= j < product.length by LONG:
                    q = product[0]
                    q.segments, q.length = min(some, q.segments - s), min(LONG, q.length - j)
                    q.x += row * q.row_step + s * q.x_segment + j * q.x_step
                    q.w += n * q.w_column + s * q.w_segment + j * q.w_step
                    q.init += row * q.init_step + n
                    q.c, q.next, q.in_order = c, NULL, False
                    if s + j == 0:
                        multiply(&q, height, width)
                        continue
                    memset(partial_sums, 0, height * width * sizeof(real))
                    q.init, q.init_step, q.c, q.c_step = partial_sums, width, partial_sums, width
                    multiply(&q, height, width)
                    for k in range(height):
                        add_slice(c + k * product.c_step, partial_sums + k * width, width)


cdef void multiply(const Product* product, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    cdef Py_ssize_t panels = ((columns + VEC_LANES - 1) // VEC_LANES + TILE - 1) // TILE
    cdef Py_ssize_t length = max(1, product.length)
    cdef bint packs_rows = (PACKS and product.row_step == 1 and panels >= MANY_PANELS
                            and rows >= TILE_ROWS_3)
    cdef Py_ssize_t extent = product.segments * product.length * product.w_step    # of w
    cdef bint many_rows = PACKS and rows >= MANY_ROWS and extent > NEAR
    cdef bint turns = product.w_column > 1
    cdef bint packs_panels = turns or (product.may_pack
                                       and (many_rows or (rows >= 8 and crowds(product))))
    cdef bint fetches = not turns and extent >= FAR
    cdef Py_ssize_t blocks = (rows + PACKED_ROWS - 1) // PACKED_ROWS if packs_rows else 1
    cdef Py_ssize_t pieces, group, parts, part, segment, term, block, row
    cdef Product of_part, q
    if product.segments * length <= PANEL_TERMS and blocks == 1:
        # One part. A convolution's product of a row of pixels takes no longer than some divisions.
        multiply_rows(product, rows, columns, packs_rows, packs_panels, fetches,
                      product.in_order and panels == 1, 0, length)
        return
    # Sums over samples or pixels alone, of which weights' gradients come: others may be made of
    # laid panels by some numbers of threads, and be the same as without.
    if product.segments * length > LONG and product.row_step == 1 and product.w_step:
        multiply_long(product, rows, columns)
        return
    # Parts of the sum are pieces of a segment, or whole segments.
    pieces = (length + PANEL_TERMS - 1) // PANEL_TERMS
    group = max(1, PANEL_TERMS // length)
    parts = max(1, product.segments * pieces if pieces > 1
                else (product.segments + group - 1) // group)
    for part in range(parts):
        of_part = product[0]
        term = 0
        if pieces > 1:
            segment = part // pieces
            term = length * (part % pieces) // pieces
            of_part.segments = min(1, product.segments)
            of_part.length = length * (part % pieces + 1) // pieces - term
        else:
            segment = product.segments * part // parts
            of_part.segments = product.segments * (part + 1) // parts - segment
        of_part.x += segment * product.x_segment + term * product.x_step
        of_part.w += segment * product.w_segment + term * product.w_step
        if part > 0:
            of_part.init, of_part.init_step = product.c, product.c_step
        if part + 1 < parts:
            of_part.next = NULL
        for block in range(blocks):
            row = rows * block // blocks
            q = of_part
            q.x += row * q.row_step
            q.init += row * q.init_step
            q.c += row * q.c_step
            if q.next != NULL:
                q.next += row * q.c_step
            multiply_rows(&q, rows * (block + 1) // blocks - row, columns, packs_rows, packs_panels,
                          fetches, product.in_order and panels == 1 and parts == 1, term, length)
