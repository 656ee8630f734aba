# Get pipeline service
service_name = pipeline.nodes[0].namespace.service_name
service = dl.services.get(service_name=service_name)

# Execute service batch
service_execution = service.execute_batch(
    execution_inputs=dl.FunctionIO(
        type=dl.PackageInputType.STRING,
        value='test',
        name='string'
    ),
    filters=dl.Filters(
        field='dir',
        values='/test',
        context={'datasets': ['dataset_id']}
    )
)
