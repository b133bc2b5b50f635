"""The texts of README.md around its tables."""

HEAD = """# Benchmarks

Rendered by `python -m bench`; do not edit. `pytest bench` runs fastdl's own rows under pytest-benchmark,
`python -m bench.accuracy`, `python -m bench.tabular`, `python -m bench.language FILE` and
`python -m bench.treebank DIR` train what the other tables tell.

"""
METHOD = """
## Method

Every contestant starts from the same weights, takes three steps (or one call), and must agree with the slow
NumPy reference of `tests/reference/` before it is timed; a network that was trained must have learned, as one
that has died is faster. Each contestant lives in a process of its own and keeps its data in memory. They take
turns, and the median of {repeats} turns counts; a ratio is the median, and the range, of the ratios within a turn,
whose contestants find the machine in much the same state. Those who wait are blocked, and a rest of {rest:.0f} ms
before each turn lets the last one's threads go to sleep.

The peak is what fused multiply-adds on registers alone reach on the same number of threads, measured in every
turn. Operations are the useful ones: padded lanes and what is computed twice do not count; products with pixels
that are zero do, also at batch 1, where fastdl skips them.

Where all are held to AVX2, NumPy's OpenBLAS, PyTorch and JAX are told so; JAX then multiplies by oneDNN, as YNNPACK,
its default, takes AVX-512 in any case. ONNX Runtime cannot be held, and is left out.

LeNet-5 and the MLPs run on one thread at batch 1, which is as fast or faster for all. PyTorch runs LeNet-5 in
`channels_last`, which is faster than its default; `torch.compile` and fused optimizers were not. JAX compiles
whole steps and donates its buffers, and for the MLP runs a whole epoch in one `lax.scan`, which made LeNet-5
slower; on one thread it is bound to one processor. One call of fastdl's `fit` looks through the data once and,
at batch 64 and 128 and of trees, trains three epochs, of which the mean counts. Slow epochs are timed on fewer
samples and scaled to 60,000. {few}.

Recurrent layers give the gradients of their input and of all parameters; JAX scans over time after one product for
all inputs. The language model is that of `fastdl train lm` (embedding of 128, dropout of 0.3, Adam, gradients kept to
norm 1), on windows that follow one another; it is checked without dropout, after three steps of gradient descent.
fastdl multiplies the embedding with the LSTM's input weights once a step, a row at a time, where the others do so for
each token; operations count as if it did too.

Functions of arrays are compared with the fastest few lines of NumPy that were found, and both with the reference: a
pool of the four places of each window, several times as fast as one over an axis of windows.
{trees}
Work on two threads depends on how quickly this virtual machine's cores see one another's writes, which changes from
run to run and with it all contestants: on 2026-11-24 LeNet-5 at batch 64 took 0.40 to 0.51 s (PyTorch 1.9 to 2.6),
the MLP at batch 128 took 0.14 to 0.20 s (JAX 0.19 to 0.26), and two threads were 1.62 to 1.95 times as fast as one.
At batch 1 the LSTM and GRU of 128 units, whose threads meet at every step, took 0.25 to 0.32 and 0.20 to 0.27 ms.

Each table is of the processor and commit named above it. The Zen 4's (family 25) AVX-512 has no higher peak than
its AVX2, and its cores were shared with other work: in some minutes recurrent layers held to AVX2 took 1.4 times as
long, and with AVX-512, which needs half as many instructions, hardly any longer, while the peak measured beside them
stayed. With all else on this machine stopped, the LSTM of 64 to 128 units at batch 16 took 2.75 ms held to AVX2, and
the GRU 2.09 ms; in the tables they are as the whole run found them.
`LstmLayer` is bound by its weights, 1 MB in float64 that every step reads again, for its Python too, most of which is
NumPy's products.

The object model does the work of article 3's listing, in its order, the deltas of the input too, which nothing
uses and which take about a seventh of its time. It is timed on {objects:.0f} samples and extrapolated. Connections
that lie in memory in the order of their sums would take 1,730 s where the article's take 4,600 s.
"""

TREES = """
The recursive network reads {source}, and gives five logits at every node: embedding,
composition of the children by one matrix and tanh, dense layer; Adam, cross-entropy over the nodes of a batch. It is
checked after three steps of gradient descent. Index tensors of all batches are there before it is timed. PyTorch takes
the nodes of one height in all trees of a batch as one product, with a fused Adam, in an `autograd.Function` whose way
back is written out: autograd's own takes nearly twice as long. JAX takes heights that are padded to the highest number
of nodes in any batch. One node after another is timed on {few:.1%} of the nodes, and scaled.
"""
