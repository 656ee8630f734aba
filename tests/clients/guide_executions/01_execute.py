import dtlpy as dl

# Get your pipeline
pipeline = project.pipelines.get(pipeline_id='pipeline_id')

# Execute with specific inputs
execution = pipeline.execute(
    execution_input={'item': 'item_id'}
)
