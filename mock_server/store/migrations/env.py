"""How alembic migrates: on the connection that the store gives it, within the transaction that the store began."""

from alembic import context

from mock_server.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=False)
context.run_migrations()
