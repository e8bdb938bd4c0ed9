"""How much memory onnxruntime may take for constants that it computes while it loads a file.

It computes once, on loading, whatever in a graph depends on constants alone ("constant folding"), and keeps the results
outside of the memory that `popscore.models.memory` bounds. Weights in 16 bits, which are made into 32 bits there, need
that: without it the embedded model takes 120 ms per photo instead of 50. A file of 1 kB, however, can ask for results
of 1 GB each, as many as it likes. So each result is bounded, and what is larger is computed in each run, where time and
memory are bounded too.
"""

from popscore.models.wire import Wire

MAX_TOTAL_BYTES = 4_000_000_000
# From 8 bits to 32 a weight grows by 4; a small file may have small constants in any shape.
_GROWTH, _FREE_BYTES = 4, 1_000_000

# Numbers of fields in onnx.proto, which never change.
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP_TYPE, _NODE_ATTRIBUTE = 1, 2, 4, 5
_TENSOR_NAME = 8
_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 6, 11


def max_result_bytes(content: bytes) -> int:
    """Bytes that one constant may have that onnxruntime computes from others, for the sum to stay in bounds.

    Args:
        content: an ONNX file. What is none, onnxruntime refuses itself.
    """
    try:
        count = _Walk(content).results()
    except (ValueError, IndexError, RecursionError):
        return 1  # 0 would be no bound
    return min(_GROWTH * len(content) + _FREE_BYTES, MAX_TOTAL_BYTES // max(1, count))


class _Walk(Wire):
    """Reads as much of the file as it takes to count."""

    def results(self) -> int:
        """Nodes that depend on constants alone."""
        count = 0
        for number, start, end in self.fields(0, len(self.data)):
            if number == _MODEL_GRAPH:
                count += self._graph(start, end)
            elif number == _MODEL_FUNCTIONS:  # put into the graph wherever they are used: no count is known
                raise ValueError
        return count

    def _graph(self, start: int, end: int) -> int:
        fields = list(self.fields(start, end))
        constants = {self.text(at, to, _TENSOR_NAME) for number, at, to in fields if number == _GRAPH_INITIALIZER}
        count = 0
        for number, at, to in fields:
            if number != _GRAPH_NODE:
                continue
            parts = list(self.fields(at, to))
            inputs = [bytes(self.data[a:b]) for part, a, b in parts if part == _NODE_INPUT]
            outputs = [bytes(self.data[a:b]) for part, a, b in parts if part == _NODE_OUTPUT]
            for part, a, b in parts:
                if part == _NODE_ATTRIBUTE:
                    count += self._inside(a, b)
            if all(not name or name in constants for name in inputs):
                constants.update(outputs)
                count += len(outputs)
        return count

    def _inside(self, start: int, end: int) -> int:
        """All results in the branches of a node: they may use constants from outside, which are not followed."""
        count = 0
        for number, at, to in self.fields(start, end):
            if number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                for part, a, b in self.fields(at, to):
                    if part == _GRAPH_NODE:
                        count += sum(
                            self._inside(c, d) if inner == _NODE_ATTRIBUTE else int(inner == _NODE_OUTPUT)
                            for inner, c, d in self.fields(a, b)
                        )
        return count
