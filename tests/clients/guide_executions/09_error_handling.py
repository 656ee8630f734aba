try:
    execution = pipeline.execute(execution_input={'item': item_id})
except dl.exceptions.PipelineError as e:
    print(f"Pipeline execution failed: {e}")
