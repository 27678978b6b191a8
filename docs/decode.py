"""Reference decoder of images kept as frequency coefficients: {"shape": [C,H,W], "K": K, "step": STEP, "power": POWER,
"labels": [classes of images], "stream": HEX} on standard input gives [[N*K levels], [N*C*H*W standardized values]]."""
import json, sys
from math import cos, exp, floor, log, pi, sqrt
SQUASH = [min(max(int(65536 / (1 + exp((2047 - i) / 256))), 32), 65504) for i in range(4095)]
STRETCH = [floor(256 * log((2 * i + 1) / (8191 - 2 * i)) + 0.5) for i in range(4096)]
NEAR = (0, 1, 0), (0, 0, 1), (0, 1, 1), (0, 2, 0), (0, 0, 2), (1, 0, 0)
TURN = [[1 / sqrt(3)] * 3, [sqrt(1 / 2), 0, -sqrt(1 / 2)], [sqrt(1 / 6), -sqrt(2 / 3), sqrt(1 / 6)]]
def clip(v, most): return min(max(v, -most), most)
def lg(x): return 16 * x.bit_length() - 16 + (x << 5 >> x.bit_length() & 15)
def bucket(l): return clip(l - 124 >> 3, 12) + 12
def guess(odds, seen): return [SQUASH[clip(odds, 2047) + 2047], seen]
class Bits:  # of a stream
    def __init__(self, data):
        self.data, self.width, self.read, self.off = data, 2**32 - 1, 4, int.from_bytes((data + bytes(4))[:4], 'big')
    def bit(self, p):  # a one has the probability p / 65536
        bound = self.width * p >> 16
        one = int(self.off < bound)
        self.off, self.width = [self.off - bound, self.off][one], [self.width - bound, bound][one]
        while self.width < 1 << 24:
            self.off = self.off << 8 | (self.data[self.read] if self.read < len(self.data) else 0)
            self.read, self.width = self.read + 1, self.width << 8
        if self.read > len(self.data) + 2: raise ValueError('the stream is too short')
        return one
    def mixed(self, weights, *counters):  # a counter: probability, bits seen
        odds = [STRETCH[c[0] >> 4] for c in counters]
        p = SQUASH[clip(sum(w * o for w, o in zip(weights, odds)) >> 16, 2047) + 2047]
        one = self.bit(p)
        for i, c in enumerate(counters):
            weights[i] += odds[i] * (one * 65536 - p) * 5 >> 16
            c[0] = min(max(c[0] + ((one * 65536 - c[0]) * (131072 // (2 * c[1] + 3)) >> 16), 32), 65504)
            c[1] = min(c[1] + 1, 255)
        return one
def places(C, H, W):  # sigma, channel, row and column frequency; the largest sigma first
    out = [((1, 0.24, 0.12)[c] * sqrt(C * H * W) / 4 / (fall * sqrt(fall)), c, u, v)
           for c in range(C) for u in range(H) for v in range(W)
           for fall in [sqrt(1 + (u * u * W / H + v * v * H / W) / 9)]]
    return sorted(out, key=lambda p: -p[0])
def wave(n): return [[sqrt((1 + (k > 0)) / n) * cos(pi * (x + 0.5) * k / n) for x in range(n)] for k in range(n)]
def decode(stream, labels, shape, K, step, power):  # levels [N,K] and images [N,C,H,W]
    (C, H, W), bits, levels, classes = shape, Bits(bytes.fromhex(stream)), [], {}
    kept, images, rows, cols = places(C, H, W)[:K], [0.0] * (len(labels) * C * H * W), wave(H), wave(W)
    steps = [step * (1, sqrt(sqrt(s)), sqrt(s), sqrt(s) * sqrt(sqrt(s)), s)[power] for s, *_ in kept]
    number = {p[1:]: k for k, p in enumerate(kept)}
    near = [[min(number.get((c - a, u - b, v - d), K), K) for a, b, d in NEAR] for _, c, u, v in kept]
    prior = [int(min(p[0] / s, 16397) * 192) for p, s in zip(kept, steps)]
    prior = [max(x if x >= 128 else x * x // 128, 1) for x in prior]
    zeros, mores = (lambda b, n: guess(89 * (b - 11), n)), (lambda b, n: guess(89 * (b - 13), n))
    zero, more, total = [zeros(b, 6) for b in range(25)], [[mores(b, 6) for b in range(25)] for _ in range(27)], [0] * K
    sizes = [[mores(bucket(lg(x)), 3) for _ in range(27)] for x in prior]
    signs, lean = [[guess(0, 2) for _ in range(9)] for _ in range(K)], [guess((i - 5) * 80, 6) for i in range(11)]
    both = [[guess((i - 5) * 80, 3) for i in range(11)] for _ in range(9)]
    mix = [39321, 26214], [32768, 26214, 32768, 19660], [39321, 32768]
    for image, label in enumerate(labels):  # of a class: count; at k sums of levels, of magnitudes, two counters
        own = classes.setdefault(label, [0] + [[0, 0, zeros(bucket(lg(x)), 3), guess(0, 2)] for x in prior])
        q, mean = [0] * K + [0], [0] * K + [0]  # the last entry stands for neighbors that there are not
        for k, h in enumerate(own[1:]):
            before = [j if j < k else K for j in near[k]]
            mean[k] = max((256 * h[1] + 4 * ((256 * total[k] + 4 * prior[k]) // (image + 4))) // (own[0] + 4), 1)
            ratio = lg(256 + 256 * sum(abs(q[j]) for j in before)) - lg(256 + sum(mean[j] for j in before))
            b, at, size, digits = bucket(lg(mean[k]) + ratio), 0, 1, 0
            if not bits.mixed(mix[0], zero[b], h[2]): continue
            thirds = (1536 * abs(h[0]) // (own[0] + 2) + max(mean[k], 76)) // (2 * max(mean[k], 76))
            tilt = 5 + min(thirds, 5) * (1 if h[0] >= 0 else -1)
            for j in before[3:5]: at = at * 3 + 1 + (q[j] > 0) - (q[j] < 0)
            sign = 2 * bits.mixed(mix[1], lean[tilt], h[3], signs[k][at], both[at][tilt]) - 1
            larger = lambda j: j < 27 and bits.mixed(mix[2], more[j][b], sizes[k][j])
            while size < 15 and larger(size - 1): size += 1
            while size == 15 and larger(14 + digits): digits += 1
            if size == 15: size = 14 + int('1' + ''.join(str(bits.bit(32768)) for _ in range(digits)), 2)
            q[k], h[0], h[1], total[k] = sign * size, h[0] + sign * size, h[1] + size, total[k] + size
        own[0], levels = own[0] + 1, levels + q[:K]
    if bits.read != len(bits.data) + 2 or bits.data[-1] or bits.off >= 1 << 24: raise ValueError('not the end')
    for i, q in ((i, q) for i, q in enumerate(levels) if q):
        (_, c, u, v), value = kept[i % K], q * steps[i % K]
        for e, turn in enumerate(TURN[c] if C == 3 else [1]):
            for p, w in enumerate(value * turn * a * b for a in rows[u] for b in cols[v]):
                images[(i // K * C + e) * H * W + p] += w
    return levels, images
if __name__ == '__main__': print(json.dumps(decode(**json.load(sys.stdin))))
