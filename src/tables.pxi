# Tables of what there is to choose from: a row for each member of an enumeration, in its order. A
# row that is missing, or one too many, does not compile. The last member of the enumeration counts
# the others; as Cython compares the rows with a number alone, that number is compared with it.

cdef extern from *:
    """
    #define HAS_ROWS(members, rows) do { \
        _Static_assert((members) == (rows), "a table has a row for each member"); } while (0)
    """
    void has_rows "HAS_ROWS"(int members, int rows)


cdef int row_of_name(dict rows, str what, str name) except -1:
    if name not in rows:
        raise ValueError(f"{what} must be one of {', '.join(rows)}; received {name!r}")
    return rows[name]
