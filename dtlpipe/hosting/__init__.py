"""WRAPPER HOSTS: the processes in which deployed wrappers live, one for each deployment, warm for as long as it is.

Law: code here runs user code and is trusted by nobody. It speaks to the platform through `runtime.protocol` alone, and
answers a call with the bytes of its HTTP body, so that the platform passes them on without reading them.
"""
