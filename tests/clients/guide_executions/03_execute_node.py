# Execute specific node in pipeline
execution = pipeline.execute(
    node_id='target_node_id',
    execution_input={'item': 'item_id'}
)

# Check execution status
if execution.status == dl.ExecutionStatus.SUCCESS:
    print("Node execution completed successfully!")
