"""The one way to language models: through the openai package, to an OpenAI-compatible address, along the guarded way.

Everything but ``values`` loads the openai package: import it where a model is asked, never in what a process loads
as it starts.
"""
