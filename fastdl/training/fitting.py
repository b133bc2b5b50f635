"""The methods of a network that train and measure it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import optimizers
from .._hints.arguments import with_argument_hints
from .._types import ArrayLike
from .._validation.values import as_int
from ..callbacks import Callback
from ..layers import Layer, RobustScaling
from ..layers.container import walk
from ..losses.choice import AnyLoss, chosen
from ..metrics.choice import AnyMetric, as_metrics
from .evaluation import measure
from .examples import examples_of
from .history import History
from .machines import ALONE, Machines
from .state import TrainingState
from .stepping import take
from .stream import Stream, are_batches, check_unused, examples_in
from .trainer import Trainer

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..sequential import Sequential
    from ..trees import Trees


class Fitting(Layer, abstract=True):  # of `Sequential` alone, as which its methods take `self`
    """Training as a whole, on a batch, and by single steps of one's own loop; and evaluation."""

    _training: TrainingState | None = None

    @with_argument_hints
    def fit(  # type: ignore[misc]
        self: Sequential,
        x: ArrayLike | Iterable[tuple[Any, ...]],
        y: ArrayLike | None = None,
        *,
        epochs: int = 1,
        initial_epoch: int = 0,
        batch_size: int | None = None,
        loss: AnyLoss | None = None,
        optimizer: optimizers.Optimizer | None = None,
        validation_data: tuple[Any, ...] | Iterable[tuple[Any, ...]] | None = None,
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
        """Train the network.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape), or iterable
            The samples. Bytes stay bytes until they go into a batch, and an array that is mapped from a file
            (`numpy.memmap`) is not copied as a whole. Or an iterable of batches, such as a data loader, each a tuple
            like ``validation_data``: an epoch goes through it once, one step per batch, and the next batch is made, in
            a thread of its own, while the core works on the last one. In that case leave out ``y``, ``batch_size``,
            ``shuffle`` and everything else that describes samples. Python's own iterators, generators among them, give
            batches for one epoch.
        y : array_like
            Integer labels (N,) or distributions (N, F) for cross-entropy; numbers (N, F) for other losses, or (N,) if F
            is 1. If the output has steps in time, (N, T) and (N, T, F). For a loss function of your own, anything with
            these first axes.
        epochs, batch_size : int
            A batch has 64 samples by default. The last one of an epoch may have fewer.
        initial_epoch : int
            How many of the epochs were done by an earlier call, such as the one whose checkpoint was loaded. If it is
            above 0, callbacks continue from the state that they, or others of their classes, had at its end: the first
            of a class from that of the first.
        loss : str, Loss or function, optional
            A name: cross_entropy, which takes outputs as logits unless the network ends in a softmax,
            binary_cross_entropy, which does so unless it ends in a sigmoid, squared_error, absolute_error, huber,
            quantile or poisson. Or one of `fastdl.losses`, with settings. Or a function of your own: it takes outputs
            (n, F) and targets (n, ...) of the n rows of a batch that count, and returns values (n,) and the gradient of
            their sum (n, F), always the same for the same arguments. It is called at every step, which is slower. By
            default that of the last call; at first, cross_entropy.
        optimizer : Optimizer, optional
            By default that of the last call; at first, ``SGD(0.01, momentum=0.9)``. If it equals the last one, or has
            only another fixed rate, its moments and count of steps continue from call to call; any other starts anew.
        validation_data : tuple or iterable, optional
            What to evaluate after each epoch: (x, y), (x, y, lengths) or (x, y, trees). A sample_weight may follow as
            the fourth; the third is None if there are neither lengths nor trees. Or an iterable of such tuples, but not
            a tuple of them: batches, as for x, that `evaluate` goes through after each epoch. If one of them is wrong,
            the error is raised when it is reached, after whole steps.
        validation_split : float
            The fraction at the end of x and y to validate on instead of training, at least one sample. Weights of
            samples count there too, those of classes do not.
        shuffle : bool, optional
            Whether each epoch goes through the samples in a new random order; True by default.
        sample_weight : array_like, shape (N,), optional
            Factors, of any sign, of each sample's loss and gradient; the batch's sum is still divided by the number of
            its samples, or of the steps or nodes that count. For networks that give all steps, (N, T) weights each
            step, and for those that give all nodes of trees, (M,) weights each node. At least one must not be 0.
        class_weight : dict or array_like, optional
            A factor for each label, of any sign, multiplied with that of the sample, the step or the node.
        mixup : float
            If above 0, the alpha of mixup (Zhang et al. 2018): in each epoch the samples are weighted means of two of
            them, with shares from the Beta(alpha, alpha) distribution, and so are their targets. Labels become rows for
            it, and accuracy is that of the label with the larger share. The means are a copy of x, made anew for each
            epoch. Tokens, trees and sequences with lengths cannot be mixed, nor can samples with weights.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence (N, T, ...) count; the loss is the mean over these steps of a batch.
        trees : Trees, optional
            N trees, for a network with a `Recursive` layer. Then x is (M,) or (M, F), a row for each of their M nodes.
            y is that of the roots, (N,) or (N, F), or, if the network gives all nodes, (M,) or (M, F), in which a node
            with label -1 does not count. The loss is the mean over what counts in a batch.
        metrics : iterable of str or callable
            What to measure on validation data after each epoch, for callbacks and the history, where f1 is `val_f1`:
            names (accuracy, balanced_accuracy, f1, auc, r2, mean_absolute_error, top_5 and the like), objects and
            adapted functions of `fastdl.metrics`, or functions of your own, ``metric(targets, outputs)``, which receive
            all rows that count, as `fastdl.metrics` explains. They do not depend on weights.
        callbacks : iterable of Callback
            See `fastdl.callbacks`.
        verbose : {0, 1, "bar"}
            Whether to print a line for each epoch, or to show a live bar, for which tqdm must be installed.
        communicator : object, optional
            mpi4py's, such as ``MPI.COMM_WORLD``, for processes that train the network together: each calls `fit`
            with the same network and the same arguments, and takes its share of every batch. All get the same history
            and, apart from rounding, the result of a single process. Only rank 0 shows progress and calls callbacks
            that write (`Callback.writes`). Any object with `Get_rank`, `Get_size`, `Allreduce` and `Allgather` like
            mpi4py's will do (`docs/many-machines.md`).

        Returns
        -------
        History

        Raises
        ------
        FloatingPointError
            If a step's loss, parameters or moments are no longer finite; the parameters are then those before it.
        RuntimeError
            If another call of `fit` is training the network (`docs/threads.md`), or if another process of the
            communicator ended before this one.
        TypeError, ValueError
            If an argument is wrong. The network is as it was.

        Notes
        -----
        Ctrl-C, or anything else that a signal handler or a callback raises, leaves the network after a whole step:
        parameters, moments, the count of steps and the states of stateful layers are exactly those after that many
        steps. The rest of the epoch is lost: another call begins a new one, in a new order.

        With stateful layers, row i of a batch continues where row i of the batch before ended, so ``shuffle`` must be
        False and batches whole. Each epoch starts from zeros.
        """
        machines = ALONE if communicator is None else Machines(communicator, getattr(self, "dtype", "float32"))
        with machines, self.turn.training():
            training = Trainer(self, loss, optimizer, machines).training(
                x, y, epochs, initial_epoch, batch_size, validation_data, validation_split, shuffle, sample_weight,
                class_weight, mixup, lengths, trees, metrics, callbacks, verbose,
            )  # fmt: skip
            return training.run()

    def train_on_batch(  # type: ignore[misc]
        self: Sequential,
        x: ArrayLike,
        y: ArrayLike,
        *,
        loss: AnyLoss | None = None,
        optimizer: optimizers.Optimizer | None = None,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        trees: Trees | None = None,
    ) -> dict[str, float]:
        """Take one step on one batch; stateful layers continue from the batch before.

        Parameters
        ----------
        x, y, loss, optimizer, sample_weight, lengths, trees
            As for `fit`.

        Returns
        -------
        dict
            The `loss` of the batch before the step, and its `accuracy` if the targets are classes.
        """
        turn = self.turn
        with turn.lock:
            turn.check_untrained()
            return Trainer(self, loss, optimizer).train_on_batch(x, y, sample_weight, lengths, trees)

    def step(self: Sequential, optimizer: optimizers.Optimizer | None = None) -> None:  # type: ignore[misc]
        """Take one step of the optimizer with the present gradients, those of one `backward` or of several.

        Parameters
        ----------
        optimizer : Optimizer, optional
            As for `fit`: its moments, count of steps and schedules continue in the same way. If it clips, it does so in
            place.

        Raises
        ------
        FloatingPointError
            If parameters or moments are no longer finite; the parameters are then those before the step.
        RuntimeError
            If a call of `fit` is training the network.

        Notes
        -----
        Your own loop takes the same steps as `fit`, to the bit, if it computes the same gradients (apart from the
        rounding of plain descent with batches of one)::

            y = net.forward(x, training=True)
            net.backward(losses.cross_entropy_backward(y, targets))
            net.step(optimizers.Adam(1e-3))
        """
        turn = self.turn
        with turn.lock:
            turn.check_untrained()
            state = self.training_state.following(None, optimizer, self)
            rate = state.next_rate()
            plan = self.last_plan or self.plan_for(tuple(1 if n is None else n for n in self.input_shape))
            take(self, state, self.flat_states, partial(state.follow_gradients, plan, rate))

    @with_argument_hints
    def evaluate(  # type: ignore[misc]
        self: Sequential,
        x: ArrayLike | Iterable[tuple[Any, ...]],
        y: ArrayLike | None = None,
        *,
        loss: AnyLoss | None = None,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        trees: Trees | None = None,
        metrics: Iterable[AnyMetric] = (),
        batch_size: int | None = None,
    ) -> dict[str, float]:
        """Measure the mean loss, the accuracy if targets are classes, and the given metrics.

        Parameters
        ----------
        x : array_like or iterable
            As for `fit`: the samples, or an iterable of batches, each measured as it comes. In that case leave out
            everything that describes samples. Only what metrics need of all batches is kept: targets and outputs.
        y, loss, sample_weight, lengths, trees, metrics
            As for `fit`.
        batch_size : int, optional
            For stateful layers, which start from zeros and continue from batch to batch; those of an iterable must all
            have as many samples. Otherwise it has no effect.

        Returns
        -------
        dict
            `loss`, which `fit` lowers: the sum of each sample's loss times its weight over the number of samples, not
            over the sum of weights, which may be 0. If targets are classes, also `accuracy`: the share of samples,
            whatever their weights, whose largest output is that of the label, or of the largest target. Targets of
            cross-entropy are classes, and so are those of squared, absolute and Huber's errors if every row is one-hot.
            For binary cross-entropy with targets of 0 or 1 it is the share of outputs, not of samples, on their
            target's side of 0.5. If there are outputs for steps or nodes, everything is over those that count. Then
            come the metrics, which do not depend on weights.
        """
        measured_by, measures = chosen(loss, self.training_state.loss), as_metrics(metrics)
        if are_batches(x, y):
            check_unused(sample_weight=sample_weight, lengths=lengths, trees=trees, batch_size=batch_size)
            stream = Stream(x, "x", partial(examples_in, self, loss=measured_by))
            return measure(self, stream, measured_by, measures)
        size = None if batch_size is None else as_int(batch_size, "batch_size")
        data = examples_of(self, x, y, lengths, trees, sample_weight, measured_by)
        data.check_metrics(measures, measured_by, self.output_shape[-1])
        return measure(self, data, measured_by, measures, size)

    def adapt(self, x: ArrayLike, *, lengths: ArrayLike | None = None, trees: Trees | None = None) -> Self:
        """Set the constants of each `RobustScaling` in the network from training data, one after another.

        Parameters
        ----------
        x
            As for `predict`.
        lengths
            As for `predict`; steps that do not count have no part in the constants.
        trees
            As for `predict`; before the first recursive layer, only leaves have a part in the constants.

        Returns
        -------
        Sequential
            Itself.
        """
        from ..inspection.inside import Inside

        self.check_built()
        with self.turn.lock:
            before = self.flat[0].copy()
            try:
                for _, layer in walk(self):
                    if isinstance(layer, RobustScaling):
                        inside = Inside(self, x, lengths, trees)
                        given, _ = inside.rows(inside.place(layer).source)
                        has_steps = len(layer.input_shape) == 2
                        if has_steps and trees is not None:
                            given = given[None]  # all nodes as the steps of one sequence
                        layer.adapt(given, lengths=lengths if has_steps else None)
            except BaseException:
                self.flat[0][...] = before  # of the layers before it
                raise
        return self

    @property
    def training_state(self) -> TrainingState:
        """The state of its training, made when it is first read, as not every network is trained."""
        state = self._training
        if state is None:  # two threads that ask at once are given the same, and none what another has set meanwhile
            state = vars(self).setdefault("_training", TrainingState())
        return state

    @training_state.setter
    def training_state(self, state: TrainingState) -> None:
        self._training = state
