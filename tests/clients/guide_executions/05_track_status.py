# Get execution details
execution = pipeline.pipeline_executions.get(
    pipeline_execution_id='execution_id'
)

# Check status
print(f"Execution status: {execution.status}")

# List all executions
executions = pipeline.pipeline_executions.list()
print(f"Total executions: {executions.items_count}")
