"""Sharded transforms: on eight devices of one process, and on two processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from frechet.jax import sharded

PROGRAM = Path(__file__).with_name("sharded_program.py")


def start(devices, *arguments):
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(*programs):
    try:
        outputs = [program.communicate(timeout=300)[0] for program in programs]
    finally:
        for program in programs:
            program.kill()
    for program, output in zip(programs, outputs, strict=True):
        assert program.returncode == 0, output
        assert output.splitlines()[-1] == "right", output


def test_eight_devices():
    finish(start(8))


def test_two_processes():
    with socket.socket() as s:
        s.bind(("localhost", 0))
        port = s.getsockname()[1]
    finish(*[start(2, 2, number, port) for number in range(2)])


@pytest.fixture
def mesh():
    return Mesh(np.array(jax.devices()[:1]), ("points",))


def test_one_device(mesh):
    x, c = np.linspace(-1, 1, 5, dtype=np.float32), np.ones(5, np.complex64)
    got = sharded.nufft1(x, c, 7, mesh=mesh, points_axis="points")
    assert np.allclose(got, np.exp(1j * np.outer(np.arange(-3, 4), x)) @ c, atol=1e-4)
    v = sharded.nufft2(x, got, mesh=mesh, points_axis="points")
    assert np.allclose(v, np.exp(-1j * np.outer(x, np.arange(-3, 4))) @ got, atol=1e-3)


def test_wrong_axes(mesh):
    x, c = np.zeros(5, np.float32), np.ones(5, np.complex64)
    with pytest.raises(ValueError, match="nufft1: the mesh has the axes points, not 'rows'"):
        sharded.nufft1(x, c, 7, mesh=mesh, points_axis="rows")
    with pytest.raises(ValueError, match="nufft2: there is no stack to be sharded over 'points'"):
        sharded.nufft2(x, np.ones(7, np.complex64), mesh=mesh, stack_axis="points")


def test_points_that_cannot_be_shared_out():
    class FourDevices:
        shape = {"points": 4}  # noqa: RUF012  (as a mesh has it)

    with pytest.raises(
        ValueError, match="nufft1: points must be a multiple of the 4 devices of 'points', got 5"
    ):
        sharded.nufft1(
            np.zeros(5, np.float32), np.ones(5, np.complex64), 7, mesh=FourDevices(), points_axis="points"
        )
