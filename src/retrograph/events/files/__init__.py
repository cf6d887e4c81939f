"""Event files: bytes as they stream in → payloads with their line numbers, whatever the form and the packing.

Nothing here reads a file: blocks are pushed in, and what comes out is bounded, whatever the object's size.
"""
