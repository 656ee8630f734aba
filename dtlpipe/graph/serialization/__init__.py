"""Pipelines and components as plain data, and back.

Law: reading data imports nothing that is not on the allow-list, and runs nothing but constructors and `from_dict`.
"""
