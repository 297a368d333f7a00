"""Hierarchies from networks that are trained already, and back."""
