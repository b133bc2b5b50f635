"""What test_mpi.py runs on several ranks: `mpiexec -n K python mpi_program.py WHAT FOLDER`."""

import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
from mpi4py import MPI
from test_machines import CASES, OF_X, dense, fitted

import fastdl
from fastdl import callbacks, set_num_threads
from fastdl.training.machines import OtherRankError

WORLD = MPI.COMM_WORLD
EPOCHS = 6
NAMES = ("normalized", "own loss", "images", "lengths", "stateful", "trees", "fewer than ranks", "batches")


def train(folder):
    """Train networks twice each, and write what they became."""
    for name in NAMES:
        make, arguments = CASES[name]
        (net, figures), (again, same) = (fitted(make, arguments, WORLD) for _ in range(2))
        found = WORLD.allgather((net.parameters.tobytes(), figures))
        assert found == [(again.parameters.tobytes(), same)] * WORLD.Get_size(), name
        if WORLD.Get_rank() == 0:
            np.save(folder / f"{name}.npy", [*net.parameters, *figures["loss"], *figures.get("accuracy", [])])


class Fails(callbacks.Callback):
    """Ends one rank in the middle of a training, by a signal or by an error."""

    def __init__(self, number=None):
        self.number = number

    def on_epoch_end(self, net, epoch, logs):
        if epoch == 3 and WORLD.Get_rank() == 1:
            if self.number is not None:
                os.kill(os.getpid(), self.number)
            raise ZeroDivisionError("on purpose")


def die(folder):
    """Be killed after an epoch."""
    saving = callbacks.ModelCheckpoint(folder / "run.npz")
    dense().fit(**OF_X, epochs=EPOCHS, callbacks=[saving, Fails(signal.SIGKILL)], verbose=0, communicator=WORLD)


def fail(folder):
    """Have an error."""
    dense().fit(**OF_X, epochs=EPOCHS, callbacks=[Fails()], verbose=0, communicator=WORLD)


class Interrupts(callbacks.Callback):
    """Lets one rank have a Ctrl-C of its own soon."""

    def on_epoch_begin(self, net, epoch):
        if epoch == 1 and WORLD.Get_rank() == 1:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()


def interrupt(folder):
    """Be interrupted on one rank, in the middle of a step: all are left with the same whole steps."""
    for name in ("normalized", "stateful", "images"):
        make, arguments = CASES[name]
        net = make()
        try:
            net.fit(**arguments, epochs=1000000, callbacks=[Interrupts()], verbose=0, communicator=WORLD)
        except (KeyboardInterrupt, OtherRankError) as error:
            state = net.training_state
            left = state.steps, net.parameters.tobytes(), state.moments.tobytes()
            found = WORLD.allgather((type(error).__name__, left))
            assert [kind for kind, _ in found] == ["OtherRankError", "KeyboardInterrupt"]
            assert found[0][1] == found[1][1]
    if WORLD.Get_rank() == 0:
        print("interrupted together")


def differ(folder):
    """Be given other data."""
    dense().fit(**OF_X | {"x": OF_X["x"] + WORLD.Get_rank()}, communicator=WORLD)


def resume(folder):
    """Go on from the last file."""
    net = fastdl.load(folder / "run.npz")
    done = net.training_state.epochs
    net.fit(**OF_X, epochs=EPOCHS, initial_epoch=done, verbose=0, communicator=WORLD)
    if WORLD.Get_rank() == 0:
        np.save(folder / "resumed.npy", [done, *net.parameters])


if __name__ == "__main__":
    set_num_threads(1)
    {task.__name__: task for task in (train, die, fail, interrupt, differ, resume)}[sys.argv[1]](Path(sys.argv[2]))
