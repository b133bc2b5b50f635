"""How people look at networks: tables, pictures, and what layers give."""
