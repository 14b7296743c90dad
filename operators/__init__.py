"""Bytewax operators of the scan: lanes that plan, units that are scanned, blobs that are placed, results that are
written.
"""
