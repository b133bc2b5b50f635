"""Views of networks: tables, pictures, and the outputs of layers."""
