"""Actions as users write them: each is found by its entrypoint, in a folder that is registered as a code root."""
