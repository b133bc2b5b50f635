"""Saved networks, taken apart and written again with changes, for tests of files that are refused."""

import io
import json
import zipfile

import numpy as np
import pytest

import fastdl


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, contents):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def as_npy(array, **arguments):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **arguments)
    return file.getvalue()


def with_config(path, change):
    contents = members(path)
    config = json.loads(np.load(io.BytesIO(contents["config.npy"])).tobytes())
    change(config)
    contents["config.npy"] = as_npy(np.frombuffer(json.dumps(config).encode(), np.uint8))
    write(path, contents)


def refused(path, message="must be a network saved by fastdl"):
    with pytest.raises(ValueError, match=message):
        fastdl.load(path)
