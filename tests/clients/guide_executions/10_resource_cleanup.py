# Clean up completed executions
old_executions = pipeline.pipeline_executions.list()
for execution in old_executions:
    if execution.status in ['success', 'failed']:
        # Archive or handle old executions
        pass
