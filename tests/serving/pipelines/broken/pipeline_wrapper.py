import no_such_module  # noqa: F401 - so that it does not load
from hayhooks import BasePipelineWrapper  # noqa: F401 - as above
