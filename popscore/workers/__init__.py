"""Photos and videos from outside, read in processes of their own.

A decoder that meets a hostile file may take all memory, never end, or end the process. Here it does so to a worker
with limits of memory and time: the file becomes an error, the worker is replaced, and nobody else notices.
"""
