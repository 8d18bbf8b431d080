"""A process of test_distributed: trains a model on its part of the data, and prints the gradient."""

import os
import sys

import numpy as np
import torch
import torch.distributed
from torch.nn.parallel import DistributedDataParallel

import frechet as fr


class Model(torch.nn.Module):
    """Relaxation from b: a matrix exponential of the parameters."""

    def __init__(self):
        super().__init__()
        self.A = torch.nn.Parameter(torch.tensor([[0.1, 0.2], [-0.3, 0.1]], dtype=torch.float64))
        self.power = fr.torch.wrap(lambda A, b: np.tanh(b @ A))

    def forward(self, b):
        return self.power(fr.linalg.expm(self.A), b)


def data():
    """Eight samples."""
    return torch.linspace(-1, 1, 16, dtype=torch.float64).reshape(8, 2)


def main(rank, world, file):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=world)
    model = DistributedDataParallel(Model())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    part = data()[rank::world]
    for _ in range(3):
        optimizer.zero_grad()
        (model(part) ** 2).mean().backward()
        optimizer.step()
    print(model.module.A.grad.flatten().tolist(), model.module.A.detach().flatten().tolist())
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
