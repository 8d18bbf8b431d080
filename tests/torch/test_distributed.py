"""Two processes, each with a half of the data, train as one with all of it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import torch

from tests.torch.distributed_training import Model, data


def test_data_parallel_training(tmp_path):
    script = Path(__file__).with_name("distributed_training.py")
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), "2", str(tmp_path / "meeting")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    results = []
    for process in processes:
        out, error = process.communicate(timeout=240)
        assert process.returncode == 0, error
        gradient, parameters = out.strip().splitlines()[-1].split("] [")
        results.append([ast.literal_eval(gradient + "]"), ast.literal_eval("[" + parameters)])
    assert results[0] == results[1]

    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (model(data()) ** 2).mean().backward()
        optimizer.step()
    for ours, alone in zip(results[0], (model.A.grad, model.A.detach()), strict=True):
        torch.testing.assert_close(torch.tensor(ours).double(), alone.flatten(), rtol=1e-6, atol=1e-9)
