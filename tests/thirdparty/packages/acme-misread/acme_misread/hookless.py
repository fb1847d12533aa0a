"""Forgets everything."""
