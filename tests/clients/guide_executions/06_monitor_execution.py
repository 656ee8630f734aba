def monitor_execution(pipeline, execution_id, timeout=60):
    """Monitor pipeline execution with timeout"""
    start_time = time.time()
    while time.time() - start_time < timeout:
        time.sleep(1)
        execution = pipeline.pipeline_executions.get(
            pipeline_execution_id=execution_id
        )

        if execution.status == 'success':
            print("Execution completed successfully!")
            return True
        elif execution.status == 'failed':
            print("Execution failed!")
            return False

    print("Execution timed out!")
    return False
