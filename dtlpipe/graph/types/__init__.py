"""Types of values: which output may feed which input, how a value is converted on its way, and how a type is written.

Law: functions of types alone. No sockets, components or graphs.
"""
