# Create a code node
def create_code_node(project, position=(4, 4)):
    def run(item, string):
        # Custom processing logic
        item.metadata['user'] = {'userInput': string}
        item.update()
        return item

    code_node = dl.CodeNode(
        name='codeNode',
        position=position,
        project_id=project.id,
        method=run,
        project_name=project.name
    )
    return code_node
