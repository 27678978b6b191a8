#!/usr/bin/env python3
"""Tries settings of distribution matching on tiles and of training on what it gives, on held-out training samples:
the recipe of distill/match and distill/tiling in PyTorch, many trainings at a time on one GPU, to choose what is then
measured by the program itself. Never reads a test part.

    recipes.py fashion-mnist --ipc 5 --seeds 3 --models convnet3:64 \\
        --match base --match wide:width=64 --match real:start=real:iterations=0 \\
        --train base --train mixed:augment=mild-flip:cutmix=0.5

Every --match is distilled once a seed, and every --train trains on each. Data lie under $DISTILLMESH_DATA as for the
tests; of CIFAR-10 those batches are read that are there. Needs PyTorch 2 (a GPU helps: a step is captured as a graph,
and a dozen trainings are replayed beside one another). One JSON object a line.

Settings of --match: start=neighbours|real, iterations, rate, batch, width, tiles (along a side), up=bilinear|bicubic|lanczos,
sharpen (share of the blur taken off after it), augment, parts (of a class, each matched by its own tiles), blocks and
second (weight of the first two blocks' means, and of second moments), view=tile|whole (how real images are seen, here and after
training), frame (a tile shows the middle so many pixels of a side; 0 for all).
Settings of --train: steps, rate, decay, batch, augment, elastic (pixels), cutmix, mixup, smooth (labels), average (of weights).
"""
import argparse, gzip, json, math, os, statistics, sys, time
import numpy as np
import torch
import torch.nn.functional as F

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
AUGMENT = {"affine": (3, 15, .15, 0), "affine-flip": (3, 15, .15, .5), "mild": (2, 5, .1, 0), "mild-flip": (2, 5, .1, .5), "none": (0, 0, 0, 0)}
STATISTICS = {"mnist": ([.1307], [.3081]), "fashion-mnist": ([.2860], [.3530]), "cifar-10": ([.4914, .4822, .4465], [.2470, .2435, .2616])}
HELD_OUT = 5000


class Data:
    """training samples in task space, the last HELD_OUT of a fixed shuffle kept apart"""

    def __init__(self, name):
        root = os.environ["DISTILLMESH_DATA"]
        if name == "cifar-10":
            folder = os.path.join(root, "cifar-10-batches-bin")
            files = sorted(f for f in os.listdir(folder) if f.startswith("data_batch"))
            rows = np.concatenate([np.frombuffer(gzip.open(os.path.join(folder, f)).read(), np.uint8).reshape(-1, 3073) for f in files])
            x, y = rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0]
        else:
            def idx(part, skip):
                return np.frombuffer(gzip.open(os.path.join(root, name, f"train-{part}-ubyte.gz")).read(), np.uint8, offset=skip)
            x, y = idx("images-idx3", 16).reshape(-1, 1, 28, 28), idx("labels-idx1", 8)
        mean, std = (torch.tensor(v, device=DEVICE).view(1, -1, 1, 1) for v in STATISTICS[name])
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(7))
        x = (torch.tensor(x)[order].to(DEVICE).float() / 255 - mean) / std
        y = torch.tensor(y.astype(np.int64))[order].to(DEVICE)
        self.x, self.y, self.held = x[:-HELD_OUT], y[:-HELD_OUT], (x[-HELD_OUT:], y[-HELD_OUT:])
        self.low, self.high = (f(self.x, (0, 2, 3)).view(1, -1, 1, 1) for f in (torch.amin, torch.amax))
        self.channels, self.side = x.shape[1], x.shape[-1]

    def ring(self, clients, held):
        """(client, class, its samples), client after client"""
        out = []
        for c in range(10):
            holders = [i for i in range(clients) for k in range(held) if (i + k) % 10 == c]
            out += zip(holders, [c] * len(holders), torch.tensor_split((self.y == c).nonzero()[:, 0], len(holders)))
        return sorted(out, key=lambda t: t[:2])


def enlarging(side, tile, kind, sharpen):
    """(side, tile): what a tile's rows and columns are multiplied by"""
    if kind == "lanczos":
        a, f = torch.zeros(side, tile), side / tile
        for i in range(side):
            at = (i + .5) / f - .5
            for j in range(math.floor(at) - 2, math.floor(at) + 4):
                if abs(at - j) < 3:
                    a[i, min(max(j, 0), tile - 1)] += float(np.sinc(at - j) * np.sinc((at - j) / 3))
        a /= a.sum(1, keepdim=True)
    else:
        e = torch.eye(tile).view(1, tile, tile, 1).expand(1, tile, tile, 2)
        a = F.interpolate(e, size=(side, 2), mode=kind, align_corners=False)[0, :, :, 0].t()
    if sharpen:
        blur = torch.zeros(side, side)
        for i in range(side):
            for d, w in ((-1, .25), (0, .5), (1, .25)):
                blur[i, min(max(i + d, 0), side - 1)] += w
        a = a + sharpen * (a - blur @ a)
    return a.contiguous().to(DEVICE)


def framed(side, tile, frame, kind, sharpen):
    """(up, down): what a tile's rows are multiplied by, and what an image's are, where a tile shows the middle frame pixels of a side"""
    at = (side - frame) // 2
    up, down = (torch.zeros(*shape, device=DEVICE) for shape in ((side, tile), (tile, side)))
    up[at:at + frame] = enlarging(frame, tile, kind, sharpen)
    down[:, at:at + frame] = F.interpolate(torch.eye(frame)[None], size=tile, mode="area")[0].t().to(DEVICE)
    return up, down


def enlarge(x, a):
    return x if a is None else torch.einsum("ia,ncab,jb->ncij", a, x, a)


def shown(d, x, a):
    """images of another size, or part of them; around them is what is darkest"""
    return enlarge(x - d.low, a) + d.low


def moves(n, side, name):
    shift, angle, scale, flip = AUGMENT[name]
    r = torch.rand(5, n, device=DEVICE)
    angle, scale = (2 * r[0] - 1) * angle * math.pi / 180, 1 - scale + 2 * scale * r[1]
    right, down = ((2 * v - 1) * shift * 2 / side for v in r[2:4])
    mirror = torch.where(r[4] < flip, -1., 1.)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    return torch.stack([torch.stack([cos * mirror, -sin, right], 1), torch.stack([sin * mirror, cos, down], 1)], 1)


def move(x, m, elastic=0):
    grid = F.affine_grid(m, x.shape, align_corners=False)
    if elastic:
        field = (torch.rand(len(x), 2, 4, 4, device=DEVICE) * 2 - 1) * elastic * 2 / x.shape[-1]
        grid = grid + F.interpolate(field, size=x.shape[-2:], mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


class Network:
    """parameters as views of one vector; margin is the first convolution's"""

    def __init__(self, name, channels, side, margin=None):
        kind, _, width = name.partition(":")
        self.kind, self.margin = kind, margin or (3 if side == 28 else 1)
        uniform = lambda inputs, *shape: [(shape, 1 / math.sqrt(inputs)), (shape[:1], 1 / math.sqrt(inputs))]
        if kind == "lenet":
            h = (side // 2 - 4) // 2
            self.spec = (uniform(channels * 25, 6, channels, 5, 5) + uniform(150, 16, 6, 5, 5) + uniform(16 * h * h, 120, 16 * h * h)
                         + uniform(120, 84, 120) + uniform(84, 10, 84))
        else:
            w, s, c, self.spec = int(width or 128), side + 2 * (self.margin - 1), channels, []
            for _ in range(3):
                self.spec += uniform(9 * c, w, c, 3, 3) + [((w,), 1), ((w,), 0)]
                c, s = w, s // 2
            self.spec += uniform(w * s * s, 10, w * s * s)
        self.sizes = [math.prod(shape) for shape, _ in self.spec]
        self.flat = torch.empty(sum(self.sizes), device=DEVICE)
        self.params = self.views(self.flat)
        self.renew()

    def views(self, flat):
        return [v.view(shape) for v, (shape, _) in zip(flat.split(self.sizes), self.spec)]

    def renew(self):
        for p, (_, bound) in zip(self.params, self.spec):
            if bound in (0, 1):
                p.fill_(bound)
            else:
                p.uniform_(-bound, bound)

    def blocks(self, x, p):
        out = []
        for b in range(3):
            x = F.conv2d(x, p[4 * b], p[4 * b + 1], padding=self.margin if b == 0 else 1)
            x = F.avg_pool2d(F.relu(F.instance_norm(x, weight=p[4 * b + 2], bias=p[4 * b + 3])), 2)
            out.append(x.flatten(1))
        return out

    def logits(self, x, p):
        if self.kind == "convnet3":
            return F.linear(self.blocks(x, p)[2], p[12], p[13])
        x = F.max_pool2d(F.relu(F.conv2d(x, p[0], p[1], padding=2)), 2)
        x = F.max_pool2d(F.relu(F.conv2d(x, p[2], p[3])), 2).flatten(1)
        return F.linear(F.relu(F.linear(F.relu(F.linear(x, p[4], p[5])), p[6], p[7])), p[8], p[9])


class Adam:
    def __init__(self, flat, steps, rate, betas, decay=0.):
        self.flat, self.steps, self.rate, self.betas, self.decay = flat, steps, rate, betas, decay
        self.first, self.second, self.step = torch.zeros_like(flat), torch.zeros_like(flat), torch.zeros((), device=DEVICE)

    def reset(self):
        for v in (self.first, self.second, self.step):
            v.zero_()

    def move(self, gradient):
        b1, b2 = self.betas
        g = gradient + self.decay * self.flat if self.decay else gradient
        self.first.mul_(b1).add_(g, alpha=1 - b1)
        self.second.mul_(b2).addcmul_(g, g, value=1 - b2)
        rate = self.rate * (1 + torch.cos(math.pi * self.step / self.steps)) / 2
        k = self.step + 1
        self.flat.sub_(rate / (1 - b1 ** k) * self.first / ((self.second / (1 - b2 ** k)).sqrt() + 1e-8))
        self.step.add_(1)


def captured(step):
    """(replay, step): the step as a graph; keep both, for the graph uses what the step holds"""
    if not CUDA:
        return step, step
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step(), step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay, step


def halve(rows, index, n):
    """parts of equal size whose rows are alike"""
    if n == 1:
        return [index]
    x = rows[index] - rows[index].mean(0)
    v = torch.randn(x.shape[1], device=DEVICE)
    for _ in range(12):
        v = F.normalize(x.t() @ (x @ v), dim=0)
    index = index[(x @ v).argsort()]
    at = len(index) * (n // 2) // n
    return halve(rows, index[:at], n // 2) + halve(rows, index[at:], n - n // 2)


def match(d, a, start="neighbours", iterations=600, rate=.05, batch=64, width=16, tiles=2, up="bilinear", sharpen=0., augment="affine", parts=1, blocks=0., second=0.,
          view="tile", frame=0):
    """tiles (seeds, clients x classes, n, C, t, t), the class of each group, what enlarges them, and how images are then seen"""
    groups, side = d.ring(a.clients, a.ring), d.side
    t, n = side // tiles, a.ipc * tiles * tiles
    (grow, down), per = framed(side, t, frame or side, up, sharpen) if tiles > 1 else (None, None), n // parts
    seen_as = grow @ down if view == "tile" and tiles > 1 else None
    real_as = torch.cat([shown(d, v, seen_as) for v in d.x.split(5000)])
    pools, x = [], torch.empty(a.seeds * len(groups) * parts, per, d.channels, t, t, device=DEVICE)
    for s in range(a.seeds):
        for k, (_, _, members) in enumerate(groups):
            small = shown(d, d.x[members], down)
            flat = small.flatten(1)
            for part in halve(flat, torch.arange(len(members), device=DEVICE), parts):
                part = part[torch.randperm(len(part), device=DEVICE)[:600]]
                picked = part[:per]
                x[len(pools)] = small[picked] if start == "real" else small[part][torch.cdist(flat[picked], flat[part]).topk(10, largest=False).indices].mean(1)
                pools.append(members[part])
    count, classes = len(pools), torch.tensor([c for _, c, _ in groups], device=DEVICE)
    out = lambda: (x.view(a.seeds, len(groups), n, d.channels, t, t), classes, grow, seen_as)
    if iterations == 0:
        return out()
    sizes = torch.tensor([len(p) for p in pools], device=DEVICE)
    members = torch.stack([F.pad(p, (0, int(sizes.max()) - len(p))) for p in pools])
    net = Network(f"convnet3:{width}", d.channels, side, margin=1)
    adam = Adam(x, iterations, rate, (.9, .99))

    def step():
        with torch.no_grad():
            net.renew()
            drawn = (torch.rand(count, batch, device=DEVICE) * sizes[:, None]).long()
            m = moves(count, side, augment)
            real = net.blocks(move(real_as[members.gather(1, drawn)].flatten(0, 1), m.repeat_interleave(batch, 0)), net.params)
        z = x.detach().requires_grad_()
        seen = net.blocks(move(shown(d, z.flatten(0, 1), grow), m.repeat_interleave(per, 0)), net.params)
        loss = 0.
        for weight, r, s in zip((blocks, blocks, 1.), real, seen):
            if weight:
                r, s = r.view(count, batch, -1), s.view(count, per, -1)
                loss = loss + weight * (r.mean(1) - s.mean(1)).square().sum()
                if second:
                    loss = loss + weight * second * (r.square().mean(1) - s.square().mean(1)).square().sum()
        gradient, = torch.autograd.grad(loss, z)
        with torch.no_grad():
            adam.move(gradient)
            x.copy_(torch.minimum(torch.maximum(x, d.low), d.high))

    first = x.clone()
    replay, keep = captured(step)
    x.copy_(first)
    adam.reset()
    for _ in range(iterations):
        replay()
    return out()


def mixed(x, y, cutmix, mixup):
    if mixup:
        share, other = 1 - mixup / 2 * torch.rand(len(x), 1, device=DEVICE), torch.rand(len(x), device=DEVICE).argsort()
        x, y = share[..., None, None] * x + (1 - share[..., None, None]) * x[other], share * y + (1 - share) * y[other]
    if cutmix:
        side, other = x.shape[-1], torch.rand(len(x), device=DEVICE).argsort()
        r = torch.rand(4, device=DEVICE)
        half, at = side * (1 - r[0]).sqrt() * (r[1] < cutmix) / 2, torch.arange(side, device=DEVICE) + .5
        mask = (((at - r[2] * side).abs() < half)[:, None] & ((at - r[3] * side).abs() < half)).float()
        x, y = x * (1 - mask) + x[other] * mask, y * (1 - mask.mean()) + y[other] * mask.mean()
    return x, y


def prepare(d, name, x, y, seen_as, steps=1500, rate=1e-3, decay=1e-4, batch=50, augment="affine", elastic=0., cutmix=0., mixup=0., smooth=0., average=0.):
    """a training that replays its steps, and what gives its held-out accuracy"""
    net, batch = Network(name, d.channels, d.side), min(batch, len(x))
    adam, weights = Adam(net.flat, steps, rate, (.9, .999), decay), net.flat.clone()
    labels = torch.eye(10, device=DEVICE)[y] * (1 - smooth) + smooth / 10

    def step():
        with torch.no_grad():
            i = torch.rand(len(x), device=DEVICE).argsort()[:batch]
            xs, ys = mixed(move(x[i], moves(batch, d.side, augment), elastic), labels[i], cutmix, mixup)
        p = [v.detach().requires_grad_() for v in net.params]
        loss = -(ys * F.log_softmax(net.logits(xs, p), 1)).sum(1).mean()
        gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, p)])
        with torch.no_grad():
            adam.move(gradient)
            weights.mul_(average).add_(net.flat, alpha=1 - average)

    replay, keep = captured(step)
    net.renew(), adam.reset(), weights.copy_(net.flat)

    def accuracy(keep=keep):
        with torch.no_grad():
            right = sum((net.logits(shown(d, u, seen_as), net.views(weights)).argmax(1) == v).sum().item() for u, v in zip(d.held[0].split(1000), d.held[1].split(1000)))
        return 100 * right / HELD_OUT

    return replay, accuracy, steps


def train(d, a, tiles, classes, grow, seen_as, settings, beside=12):
    """held-out accuracies by model, tiles rounded to half a byte a pixel first"""
    step, jobs, out = (d.high - d.low) / 15, [], {}
    for x in tiles:
        x = ((x.flatten(0, 1) - d.low) / step).round() * step + d.low
        jobs += [(name, shown(d, x, grow).contiguous(), classes.repeat_interleave(tiles.shape[2])) for name in a.models]
    for at in range(0, len(jobs), beside):
        part = [(name, prepare(d, name, x, y, seen_as, **settings)) for name, x, y in jobs[at:at + beside]]
        streams = [torch.cuda.Stream() for _ in part] if CUDA else []
        if CUDA:
            torch.cuda.synchronize()
        for _ in range(part[0][1][2]):
            for k, (_, (replay, _, _)) in enumerate(part):
                with torch.cuda.stream(streams[k] if CUDA else None):
                    replay()
        if CUDA:
            torch.cuda.synchronize()
        for name, (_, accuracy, _) in part:
            out.setdefault(name, []).append(accuracy())
    return out


def settings(text):
    """NAME:KEY=VALUE:..."""
    name, *pairs = text.split(":")
    value = lambda v: int(v) if v.lstrip("-").isdigit() else float(v) if v.replace(".", "", 1).replace("e-", "", 1).isdigit() else v
    return name, {k: value(v) for k, v in (p.split("=") for p in pairs)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", choices=STATISTICS)
    p.add_argument("--clients", type=int, default=10)
    p.add_argument("--ring", type=int, default=2, help="classes a client")
    p.add_argument("--ipc", type=int, default=1, help="stored images per class and client")
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--models", type=lambda s: s.split(","), default=["lenet", "convnet3:64"])
    p.add_argument("--match", action="append", type=settings, default=[])
    p.add_argument("--train", action="append", type=settings, default=[])
    p.add_argument("--seconds", type=float, default=math.inf, help="begin nothing after so many")
    a, began = p.parse_args(), time.time()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    d = Data(a.data)
    for matching, how in a.match or [("base", {})]:
        if time.time() - began > a.seconds:
            break
        t = time.time()
        tiles, classes, grow, seen_as = match(d, a, **how)
        if CUDA:
            torch.cuda.synchronize()
        distilled = time.time() - t
        for training, recipe in a.train or [("base", {})]:
            if time.time() - began > a.seconds:
                break
            t = time.time()
            found = train(d, a, tiles, classes, grow, seen_as, recipe)
            print(json.dumps({"data": a.data, "match": matching, "train": training, "match_s": round(distilled, 1), "train_s": round(time.time() - t, 1),
                              **{m: {"mean": round(statistics.mean(v), 2), "std": round(statistics.stdev(v), 2) if len(v) > 1 else 0, "n": len(v)} for m, v in found.items()}}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
