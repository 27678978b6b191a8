#!/usr/bin/env python3
"""Times on a GPU, in PyTorch and JAX, the trainings and the trajectory matching that bench -gpu times: float32, both switches
of TF32 off, eager, as a CUDA graph and by torch.compile. Prints one JSON array of rows: peer, workload, batch, step_s, mib."""
import json, math, statistics, sys, time

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
torch.manual_seed(0)
on = torch.device("cuda")
rows = []


def timed(step, rounds, per=1, warm=3):
    for _ in range(warm):
        step()
    torch.cuda.synchronize()
    out = []
    for _ in range(rounds):
        t = time.perf_counter()
        step()
        torch.cuda.synchronize()
        out.append((time.perf_counter() - t) / per)
    return statistics.median(out)


def report(mode, workload, batch, seconds):
    rows.append({"peer": f"torch {torch.__version__} {mode}", "workload": workload, "batch": batch, "step_s": seconds,
                 "mib": torch.cuda.max_memory_allocated() / 2**20})


def lenet():
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def alexnet():
    norm = lambda: nn.LocalResponseNorm(4, 0.001 / 9.0, 0.75, 1)
    return nn.Sequential(nn.Conv2d(3, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2, 1), norm(), nn.Conv2d(64, 64, 5, padding=2),
                         nn.ReLU(), norm(), nn.MaxPool2d(3, 2, 1), nn.Flatten(), nn.Linear(4096, 384), nn.ReLU(), nn.Linear(384, 192),
                         nn.ReLU(), nn.Linear(192, 10))


class ConvNet(nn.Module):
    def __init__(self, channels=3, size=32, width=128):
        super().__init__()
        layers = []
        for _ in range(3):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.GroupNorm(width, width), nn.ReLU(), nn.AvgPool2d(2)]
            channels, size = width, size // 2
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * size * size, 10))

    def forward(self, x):
        return self.body(x)


def training(name, make, batch, shape):
    x, y = torch.randn(batch, *shape, device=on), torch.randint(10, (batch,), device=on)
    per = 64

    def fresh():
        torch.cuda.reset_peak_memory_stats()
        net = make().to(on)
        return net, torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)

    def loop(forward, optimizer):
        def steps():
            for _ in range(per):
                optimizer.zero_grad(set_to_none=True)
                F.cross_entropy(forward(x), y).backward()
                optimizer.step()
        return steps

    net, optimizer = fresh()
    report("eager", name, batch, timed(loop(net, optimizer), 5, per))
    try:
        net, optimizer = fresh()
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for _ in range(3):
                optimizer.zero_grad(set_to_none=True)
                F.cross_entropy(net(x), y).backward()
                optimizer.step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
        report("graph", name, batch, timed(lambda: [graph.replay() for _ in range(per)], 5, per))
    except Exception as e:
        print("graph:", name, e, file=sys.stderr)
    if batch == 50:
        try:
            net, optimizer = fresh()
            report("compile", name, batch, timed(loop(torch.compile(net, mode="max-autotune-no-cudagraphs"), optimizer), 3, per, 2))
        except Exception as e:
            print("compile:", name, e, file=sys.stderr)


def forward(x, p):
    for i in range(3):
        w, b, g, o = p[4 * i:4 * i + 4]
        x = F.avg_pool2d(F.relu(F.group_norm(F.conv2d(x, w, b, padding=1), w.shape[0], g, o)), 2)
    return F.linear(x.flatten(1), p[-2], p[-1])


def unroll(images=100, inner=30, batch=50, width=128):
    torch.cuda.reset_peak_memory_stats()
    start, c, size = [], 3, 32
    for _ in range(3):
        start += [torch.randn(width, c, 3, 3, device=on) * math.sqrt(2 / (9 * c)), torch.zeros(width, device=on),
                  torch.ones(width, device=on), torch.zeros(width, device=on)]
        c, size = width, size // 2
    start += [torch.randn(10, c * size * size, device=on) / math.sqrt(c * size * size), torch.zeros(10, device=on)]
    target = [t + 0.01 * torch.randn_like(t) for t in start]
    x = torch.randn(images, 3, 32, 32, device=on, requires_grad=True)
    labels, rate = torch.arange(images, device=on) % 10, torch.tensor(0.01, device=on, requires_grad=True)
    distance = sum(((a - b) ** 2).sum() for a, b in zip(start, target))

    def step():
        p = [t.clone().requires_grad_() for t in start]
        for _ in range(inner):
            index = torch.randperm(images, device=on)[:batch]
            loss = F.cross_entropy(forward(x[index], p), labels[index])
            p = [a - rate * g for a, g in zip(p, torch.autograd.grad(loss, p, create_graph=True))]
        torch.autograd.grad(sum(((a - b) ** 2).sum() for a, b in zip(p, target)) / distance, [x, rate])

    report("eager", "unroll", batch, timed(step, 3, 1, 1))


def jax_lenet(batch):
    try:
        import jax, jax.numpy as jnp
    except ImportError:
        return
    jax.config.update("jax_default_matmul_precision", "highest")
    key = jax.random.PRNGKey(0)
    sizes = [(6, 1, 5, 5), (16, 6, 5, 5), (400, 120), (120, 84), (84, 10)]
    p = [jax.random.normal(key, s) * 0.05 for s in sizes]
    x, y = jax.random.normal(key, (batch, 1, 28, 28)), jnp.arange(batch) % 10

    def loss(p):
        conv = lambda h, w, pad: jax.lax.conv_general_dilated(h, w, (1, 1), pad, dimension_numbers=("NCHW", "OIHW", "NCHW"))
        pool = lambda h: jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        h = pool(jax.nn.relu(conv(x, p[0], [(2, 2), (2, 2)])))
        h = pool(jax.nn.relu(conv(h, p[1], [(0, 0), (0, 0)]))).reshape(batch, -1)
        for w in p[2:4]:
            h = jax.nn.relu(h @ w)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(h @ p[4]), y[:, None], 1))

    step = jax.jit(lambda p: [w - 0.01 * g for w, g in zip(p, jax.grad(loss)(p))])
    for _ in range(3):
        p = step(p)
    jax.block_until_ready(p)
    out = []
    for _ in range(5):
        t = time.perf_counter()
        for _ in range(64):
            p = step(p)
        jax.block_until_ready(p)
        out.append((time.perf_counter() - t) / 64)
    rows.append({"peer": f"jax {jax.__version__} jit, no biases or momentum", "workload": "lenet", "batch": batch,
                 "step_s": statistics.median(out)})


for batch in (50, 128):
    training("lenet", lenet, batch, (1, 28, 28))
    jax_lenet(batch)
training("alexnet", alexnet, 50, (3, 32, 32))
for batch in (50, 128, 256):
    training("convnet3", ConvNet, batch, (3, 32, 32))
unroll()
print(json.dumps(rows))
