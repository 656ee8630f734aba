"""What runs inside a node's own process: a zygote, the workers it forks, and the little that node code sees of them.

Law: code here runs user code and is therefore trusted by nobody. It speaks to the platform through `protocol` alone
(JSON frames, never a pickle on the way back), and it uses the SDK as any user does. `protocol` itself imports only the
standard library, because the platform imports it too.
"""
