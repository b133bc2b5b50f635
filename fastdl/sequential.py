"""Sequential: layers one after another, as one plan over one flat vector of parameters."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from . import _core, optimizers
from ._core.graph import Tensor
from ._elsewhere import ELSEWHERE, telling
from ._threads import get_num_threads
from ._types import Array, ArrayLike, DTypeLike, ShapeLike
from ._validation.arrays import copy_into
from ._validation.values import as_int
from .callbacks import Callback
from .derivatives import Differentiable
from .layers import Layer, RobustScaling
from .layers.configuration import check_name, classes_of, complete, from_config, train_as, training_config
from .layers.container import Container, adopted, numbered, through, walk
from .losses.choice import AnyLoss, chosen
from .metrics.choice import AnyMetric, as_metrics
from .samples import as_batch
from .training.examples import examples_of
from .training.history import History
from .training.machines import ALONE, Machines
from .training.running import measure, predicted
from .training.state import TrainingState
from .training.stepping import take_step
from .training.trainer import Trainer

# `looking` and `saving` are loaded by what asks for them: a program that trains and predicts does not.
if TYPE_CHECKING:
    from typing_extensions import Self

    from .looking.inside import Inside
    from .looking.picture import Picture
    from .trees import Trees


@telling
class Sequential(Differentiable, Container):
    """A network of layers, each of which reads what the one before gave.

    Parameters
    ----------
    layers : sequence of Layer
        New ones: a layer belongs to one network.
    input_shape : tuple of int
        Of one sample: (F,), (C, H, W), or in time (T, F) and, for an `Embedding`, (T,). T may be None: any length.
        With a `Recursive` layer samples are trees, (None, F) or (None,): so much for each node.
    dtype : {"float32", "float64"}
    seed : int, optional
        Of the initial parameters, the shuffling and the random layers. The same seed gives the same bits, whatever the
        number of threads.

    Attributes
    ----------
    layers : tuple of Layer
    parameters, gradients : ndarray, shape (P,)
        Flat and live: every layer's ``params`` and ``grads`` are views of them. `fit` leaves gradients unspecified.
    params, grads : mapping of str to ndarray
        Those of every layer, under names such as ``"0.weight"``. What is assigned, to these or to the flat ones, is
        copied into place.
    notes : dict
        Whatever else should be saved with it, such as a vocabulary: plain data, as JSON has it. NumPy's numbers are
        saved as Python's, and tuples and arrays as lists.
    initial_seed : int or None
        That it was built with: None where there was none, and of what a file holds.
    history : History or None
        Of the last call of `fit`, the epochs that it finished, whatever ended it.
    """

    _training: TrainingState | None = None

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        input_shape: ShapeLike | None = None,
        dtype: str = "float32",
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self.layers: tuple[Layer, ...] = adopted(layers)
        self.notes: dict[str, Any] = {}
        self.initial_seed: int | None = None
        self.history: History | None = None
        if input_shape is not None:
            self.build(input_shape, dtype=dtype, seed=seed)
            size, *others = self.input_shape
            if others == [size, 3] and size is not None and size >= 24:  # as large as pictures of three colours are
                warnings.warn(
                    f"input_shape {self.input_shape} is of {size} channels of {size} x 3 pixels: channels come first, "
                    f"(3, {size}, {size})",
                    stacklevel=3,
                )

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if name not in ELSEWHERE or name in vars(self)]

    def __repr__(self) -> str:
        inside = "".join(f"    {layer!r},\n" for layer in self.layers)
        built = f", input_shape={self.input_shape}, dtype={self.dtype!r}" if hasattr(self, "dtype") else ""
        return f"Sequential([\n{inside}]{built})"

    def _repr_html_(self) -> str:
        from .looking.html import network_html

        return network_html(self)

    def given_arguments(self) -> dict[str, Any]:  # noqa: D102
        return {"layers": self.layers}

    def allocate(self, input_shape: ShapeLike, *, dtype: DTypeLike = "float32", seed: int | None = None) -> None:  # noqa: D102
        super().allocate(input_shape, dtype=dtype, seed=seed)
        self.initial_seed = None if seed is None else int(seed)
        self.enter_network()

    def named_layers(self) -> Mapping[str, Layer]:  # noqa: D102
        return numbered(self.layers)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        return through(self.layers, x)

    @property
    def parameters(self) -> Array:  # noqa: D102
        return self.flat[0]

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        copy_into(self.parameters, values, "parameters")

    @property
    def gradients(self) -> Array:  # noqa: D102
        return self.flat[1]

    @gradients.setter
    def gradients(self, values: ArrayLike) -> None:
        copy_into(self.gradients, values, "gradients")

    @property
    def is_of_trees(self) -> bool:
        """Whether its samples are trees."""
        return self.arity is not None

    @property
    def training_state(self) -> TrainingState:
        """How far its training has come: made once it is asked for, as not every network is trained."""
        state = self._training
        if state is None:  # two threads that ask at once are given the same, and none what another has set meanwhile
            state = vars(self).setdefault("_training", TrainingState())
        return state

    @training_state.setter
    def training_state(self, state: TrainingState) -> None:
        self._training = state

    def fit(
        self,
        x: ArrayLike | Iterable[tuple[Any, ...]],
        y: ArrayLike | None = None,
        *,
        epochs: int = 1,
        initial_epoch: int = 0,
        batch_size: int | None = None,
        loss: AnyLoss | None = None,
        optimizer: optimizers.Optimizer | None = None,
        validation_data: tuple[Any, ...] | None = None,
        validation_split: float = 0.0,
        shuffle: bool | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: Mapping[Any, float] | ArrayLike | None = None,
        mixup: float = 0.0,
        lengths: ArrayLike | None = None,
        trees: Trees | None = None,
        metrics: Iterable[AnyMetric] = (),
        callbacks: Iterable[Callback] = (),
        verbose: int | str = 1,
        communicator: Any = None,
    ) -> History:
        """Train.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape), or iterable
            Or an iterable of batches, such as a data loader, each a tuple as ``validation_data`` is one: an epoch goes
            through it once, a step a batch, and the next one is made, in a thread of its own, while the core is at work
            with the last. ``y``, ``batch_size``, ``shuffle`` and what else belongs to samples are not given then.
            Bytes stay bytes until their turn comes, and what is mapped from a file (`numpy.memmap`) is not copied
            whole.
        y : array_like
            Integer labels (N,) or distributions (N, F) for cross-entropy; numbers (N, F) for other losses, where F is 1
            also (N,). Where the output has steps in time, (N, T) and (N, T, F). For a function of one's own whatever
            has such first axes.
        epochs, batch_size : int
            The last batch of an epoch may be shorter; 64 where not given.
        initial_epoch : int
            How many of the epochs an earlier call took already. Above 0, callbacks go on from the state that they, or
            others of their classes, had at its end: the first of a class from that of the first one.
        loss : str, Loss or function, optional
            A name: cross_entropy, which takes outputs for logits unless a softmax gives them, binary_cross_entropy,
            which does unless a sigmoid gives them, squared_error, absolute_error, huber, quantile or poisson. Or one of
            `fastdl.losses`, where it has settings. Or a function of one's own, of the n rows of a batch that
            count: of outputs (n, F) and targets (n, ...), it gives values (n,) and the gradient of their sum (n, F),
            the same for the same arguments. It is called at every step, which is slower. That of the last call where
            not given, cross_entropy at first.
        optimizer : Optimizer, optional
            That of the last call where not given, at first ``SGD(0.01, momentum=0.9)``. With an equal one, or one that
            has another fixed rate alone, moments and count of steps go on from call to call; any other starts anew.
        validation_data : tuple, optional
            Measured after each epoch: (x, y), (x, y, lengths) or (x, y, trees), and after the lengths or trees, or None
            for none, a sample_weight.
        validation_split : float
            The fraction at the end of x and y to validate on instead of training on it, a sample at least. Weights of
            samples count there too, those of classes do not.
        shuffle : bool, optional
            Whether each epoch goes through the samples in an order of its own; True where not given.
        sample_weight : array_like, shape (N,), optional
            Each sample's loss and gradient are multiplied by it, whatever its sign; the batch's sum is divided by the
            number of its samples, or of the steps or nodes that count. Where the network gives all steps, (N, T), and
            where it gives all nodes of trees, (M,), may weight each of them. Some weight must not be 0.
        class_weight : dict or array_like, optional
            A weight for each label, of any sign, multiplied with that of the sample, the step or the node.
        mixup : float
            Above 0, the alpha of mixup (Zhang et al. 2018): in each epoch the samples are means of two of them, with
            shares from the Beta(alpha, alpha) distribution, and the targets are mixed alike; of labels, which become
            rows, accuracy is as to the larger share. Means are a copy of x, made anew for each epoch. What is no number
            cannot be mixed: tokens, trees, sequences with lengths; nor are weights.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence (N, T, ...) count; the loss is the mean over those of a batch.
        trees : Trees, optional
            N of them, of a network with a `Recursive` layer. x is (M,) or (M, F) then, a row for each of their M nodes.
            y is of the roots, (N,) or (N, F), or, where the network gives all nodes, (M,) or (M, F): a node of label -1
            does not count. The loss is the mean over what counts of a batch.
        metrics : iterable of str or callable
            Measured on validation data after each epoch, for callbacks and the history, as `val_f1` for instance: names
            (accuracy, balanced_accuracy, f1, auc, r2, mean_absolute_error, top_5 or the like), objects and adapted
            functions of `fastdl.metrics`, or functions of one's own, ``metric(targets, outputs)``, which are given all
            rows that count, as `fastdl.metrics` says. Weights make no difference to them.
        callbacks : iterable of Callback
        verbose : {0, 1, "bar"}
            Whether to print a line for each epoch, or to show a live bar, for which tqdm must be installed.
        communicator : object, optional
            mpi4py's, such as ``MPI.COMM_WORLD``, of the processes that train the network together: each calls `fit`
            with the same network and the same arguments, and takes its share of every batch. All get the same history
            and, but for rounding, what one process gets. Callbacks that write (`Callback.writes`) and what is shown are
            of rank 0 alone. Whatever has `Get_rank`, `Get_size`, `Allreduce` and `Allgather` of mpi4py's will do
            (`docs/many-machines.md`).

        Returns
        -------
        History

        Raises
        ------
        FloatingPointError
            When a step's loss, parameters or moments are no longer finite: the parameters are then those before it.
        RuntimeError
            If another call of `fit` is training the network (`docs/threads.md`), or another process of the
            communicator has come to its end before this one.

        Notes
        -----
        Ctrl-C, or whatever else a signal's handler or a callback raises, leaves a network of whole steps: parameters,
        moments, the count of steps and the states of stateful layers agree, as after that many steps undisturbed. The
        rest of the epoch is lost: a further call begins one, in an order of its own.

        With stateful layers, row i of a batch goes on where row i of the batch before ended: without shuffling, and
        in whole batches. An epoch starts from zeros.
        """
        machines = ALONE if communicator is None else Machines(communicator, getattr(self, "dtype", "float32"))
        with machines, self.turn.training():
            training = Trainer(self, loss, optimizer, machines).training(
                x, y, epochs, initial_epoch, batch_size, validation_data, validation_split, shuffle, sample_weight,
                class_weight, mixup, lengths, trees, metrics, callbacks, verbose,
            )  # fmt: skip
            return training.run()

    def train_on_batch(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        loss: AnyLoss | None = None,
        optimizer: optimizers.Optimizer | None = None,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        trees: Trees | None = None,
    ) -> dict[str, float]:
        """Take one step on one batch; stateful layers go on from the batch before.

        Parameters
        ----------
        x, y, loss, optimizer, sample_weight, lengths, trees
            As of `fit`.

        Returns
        -------
        dict
            `loss`, and `accuracy` where there are classes, of the batch before the step.
        """
        turn = self.turn
        with turn.lock:
            turn.check_untrained()
            return Trainer(self, loss, optimizer).train_on_batch(x, y, sample_weight, lengths, trees)

    def step(self, optimizer: optimizers.Optimizer | None = None) -> None:
        """Take one step with the gradients that are there, those of one `backward` or of several.

        Parameters
        ----------
        optimizer : Optimizer, optional
            As of `fit`: moments, the count of steps and schedules go on likewise. Where it clips, it does so in place.

        Raises
        ------
        FloatingPointError
            When parameters or moments are no longer finite: the parameters are then those before the step.
        RuntimeError
            If a call of `fit` is training the network.

        Notes
        -----
        A loop of one's own takes the steps that `fit` takes, to the bit, where it asks for the same gradients (but for
        the rounding of plain descent on batches of one)::

            y = net.forward(x, training=True)
            net.backward(losses.cross_entropy_backward(y, targets))
            net.step(optimizers.Adam(1e-3))
        """
        turn = self.turn
        with turn.lock:
            turn.check_untrained()
            state = self.training_state.following(None, optimizer, self)
            rates = state.rates(1)
            plan = self.last_plan or self.plan_for(tuple(1 if n is None else n for n in self.input_shape))
            vars(self)["_training"] = state
            take_step(self, state, plan, rates)

    def evaluate(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        loss: AnyLoss | None = None,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        trees: Trees | None = None,
        metrics: Iterable[AnyMetric] = (),
        batch_size: int | None = None,
    ) -> dict[str, float]:
        """Measure the mean loss, the accuracy, and whatever metrics.

        Parameters
        ----------
        x, y, loss, sample_weight, lengths, trees, metrics
            As of `fit`.
        batch_size : int, optional
            Of stateful layers, which start from zeros and go on from batch to batch. Elsewhere it makes no difference.

        Returns
        -------
        dict
            `loss`, as `fit` lowers it: the sum of each sample's loss times its weight, over the number of samples, not
            over the sum of weights, which may be 0. Where targets are classes, also `accuracy`: the share of samples,
            whatever their weights, whose largest output is where the label, or the largest target, says. Targets of
            cross-entropy are classes, and those of squared, absolute and Huber's errors where every row is a one among
            zeros. With binary cross-entropy of targets that are 0 or 1 it is the share of outputs, not samples, on
            their target's side. Where there are outputs for steps or nodes, all are over those that count. Then the
            metrics, of all rows alike.
        """
        measured_by, measures = chosen(loss, self.training_state.loss), as_metrics(metrics)
        size = None if batch_size is None else as_int(batch_size, "batch_size")
        data = examples_of(self, x, y, lengths, trees, sample_weight, measured_by)
        data.check_metrics(measures, measured_by, self.output_shape[-1])
        return measure(self, data, measured_by, measures, size)

    def predict(self, x: ArrayLike, *, lengths: ArrayLike | None = None, trees: Trees | None = None) -> Array:
        """Give what the last layer gives.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence (N, T, ...) count.
        trees : Trees, optional
            Of a network with a `Recursive` layer: then x (M,) or (M, F) has a row for each node.

        Returns
        -------
        ndarray, shape (N, *output_shape), or (M, F) where it is of all nodes
            Stateful layers go on from the last call, of as many samples.
        """
        samples = as_batch(self, x, lengths, trees, may_wait=True)
        with self.turn.lock:
            plan = self.plan_for(samples.shape)
            return predicted(plan, samples, self.states_for(samples.count))

    def activations(
        self, x: ArrayLike, layer: Layer | str | int, *, lengths: ArrayLike | None = None, trees: Trees | None = None
    ) -> Array:
        """Give what one of the layers gives, as in `predict`.

        Parameters
        ----------
        x, lengths, trees
            As of `predict`.
        layer : Layer, str or int
            One of the network's, also one within others, or its name, such as ``"3.0"``, which begins those of its
            parameters.

        Returns
        -------
        ndarray, shape (N, *layer.output_shape), or (M, F) where it is of all nodes
            Stateful layers start from zeros, and what they go on from stays. Before the first recursive layer, nodes
            that are no leaves have zeros.

        Raises
        ------
        ValueError
            If the layer is none of the network's.
        """
        inside = self._inside(x, lengths, trees)
        return inside.tensor(inside.place(layer).target)

    def _inside(self, x: ArrayLike, lengths: ArrayLike | None, trees: Trees | None = None) -> Inside:
        from .looking.inside import Inside

        return Inside(self, x, lengths, trees)

    def adapt(self, x: ArrayLike, *, lengths: ArrayLike | None = None) -> Self:
        """Let each `RobustScaling` in the network take its constants of data, one after another, before training.

        Parameters
        ----------
        x, lengths
            As of `predict`.

        Returns
        -------
        Sequential
            Itself.
        """
        self.check_built()
        for _, layer in walk(self):
            if isinstance(layer, RobustScaling):
                inside = self._inside(x, lengths)
                layer.adapt(inside.tensor(inside.place(layer).source))
        return self

    def predictor(self, batch_size: int) -> Callable[..., Array]:
        """Give a function that predicts batches of one size in microseconds: for services, and loops that control.

        Parameters
        ----------
        batch_size : int
            N, the samples of each batch.

        Returns
        -------
        callable
            ``predict(x, out=None)`` gives what `Sequential.predict` gives of x (N, *input_shape), with the parameters
            of that moment. It writes into ``out``, a contiguous array (N, *output_shape) of the network's dtype apart
            from x, and gives that; or else into an array of its own, into which the next call writes too. Fastest is a
            contiguous x of that dtype, which is read where it lies; what else `predict` takes is made one.

        Raises
        ------
        ValueError
            Where samples are not all of one shape: of trees, or of sequences of any length.

        Notes
        -----
        It cannot be copied or pickled. Stateful layers go on from the last call, as in `predict`. Several threads may
        call it, each with its own ``out``; they take turns with the network (`docs/threads.md`).
        """
        samples, reading = as_int(batch_size, "batch_size"), self.reading
        shape = self.input_shape
        if reading.arity is not None or None in shape:
            those = "trees" if reading.arity is not None else f"sequences of any length, {shape}"
            raise ValueError(f"samples must be of one shape for a predictor; those of the network are {those}")

        def as_ready(x: Any) -> Array:
            batch = as_batch(self, x)
            if len(batch) != samples:
                raise ValueError(f"x must have the {samples} samples of the predictor; received {len(batch)}")
            return batch.x

        core = _core.load(self.dtype)
        with self.turn.lock:
            plan = core.Plan(self.lowered(shape), *self.flat, self.turn)
        states = partial(self.states_for, samples)
        predict: Callable[..., Array] = core.Predictor(
            plan, samples, as_ready, bool(reading.tokens), get_num_threads, states
        )
        return predict

    def summary(self) -> None:
        """Print a table of the layers, those within others too: what they give, have and cost.

        Multiply-adds are those of the products of a forward pass of one sample, as if nothing were looked up or left
        out; what works number by number is not counted. Activations are what the layers give for a sample. Where
        samples are sequences of any length, T, or trees of any number of nodes, M, both are told for such.
        """
        from .looking.summary import Summary

        print(Summary(self).text())

    def plot(self, path: str | os.PathLike[str] | None = None) -> Picture:
        """Draw the network: its layers, what flows between them, what is within them and how it is wired.

        Parameters
        ----------
        path : path-like, optional
            Where to save the picture, of the ending .svg.

        Returns
        -------
        Picture
            Which a notebook shows; it has the picture as text, ``svg``, and ``save(path)``.
        """
        from .looking.picture import draw

        picture = draw(self)
        if path is not None:
            picture.save(path)
        return picture

    def save(self, path: str | os.PathLike[str], *, training: bool = False) -> None:
        """Write layers, parameters and notes to one .npz file, which `fastdl.load` reads.

        The file is written beside and then renamed: whatever happens, there is the old file or the new one.

        Parameters
        ----------
        path : path-like
        training : bool
            Whether to write down too how far the training has come: the optimizer, its moments, the steps taken, the
            states of stateful layers, the random numbers, and the state of callbacks. The loaded network then goes on
            as this one would, to the bit.

        Raises
        ------
        TypeError
            If ``training`` is True and the loss, the optimizer or its learning rate is a function, or of a class, that
            is not fastdl's, or a callback's state is no plain data: a file cannot hold it. Without ``training`` the
            file holds no such loss: `evaluate` and `fit` have to be given one again.
        """
        from .saving import save

        save(self, path, training)

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any]) -> Self:  # noqa: D102
        return cls(arguments["layers"])

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a network of what its `get_config` gave, whatever the constructor of a subclass takes."""
        net = cls.unfilled(config)
        net.initialize(net.generator)
        return net

    @classmethod
    def unfilled(cls, config: dict[str, Any]) -> Self:
        """Do what `from_config` does, but let parameters be zeros."""
        net = cls.__new__(cls)
        Sequential.__init__(net, [from_config(layer) for layer in config["layers"]])
        train_as(net, config)
        net.allocate(config["input_shape"], dtype=config["dtype"])
        complete(net)
        return net

    def get_config(self) -> dict[str, Any]:
        """Give the class, and the arguments of `Sequential` as plain data."""
        check_name(type(self))
        layers = [layer.get_config() for layer in self.layers]
        config: dict[str, Any] = {"class": type(self).__name__, "layers": layers, **training_config(self)}
        if not hasattr(self, "dtype"):  # it is one, or to be one, of another's layers
            return config
        return {**config, "input_shape": list(self.input_shape), "dtype": self.dtype}

    def __reduce__(self) -> tuple[Any, ...]:
        if not hasattr(self, "dtype"):
            return super().__reduce__()
        from .saving import describe, restore

        with self.turn.lock:
            training = self.training_state
            made = (*describe(self, training=True), copy(training.optimizer), training.loss, classes_of(self))
            return restore, made, self.own_attributes()
