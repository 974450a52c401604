"""Writes what PyTorch answers for ops of arithmetic and of indices that ../generate.py does not have.

    python3 generate.py OUT

In the format of ../ops.json. Floats are computed in float64 and stored as float32, but division with remainder in float32, where it jumps.
Needs torch 1.13 or newer and numpy; runs on a CPU in seconds.
"""
import json, os, struct, sys

import numpy as np
import torch
import torch.nn.functional as F

OUT = sys.argv[1]
INF, NAN = float("inf"), float("nan")
torch.manual_seed(11)
cases, store = [], {}


def stored(t):
    t = t.detach()
    kind = torch.float32 if t.is_floating_point() else torch.uint8 if t.dtype == torch.bool else torch.int32
    return t.to(kind).contiguous().clone()


def op(name, fn, inputs, attrs=None, diff=True, wide=True):
    """One case. `wide`: computed in float64; inputs are rounded to float32 first."""
    cid = f"{name}.{sum(c['op'] == name for c in cases)}"
    inputs = [x.float() if x.is_floating_point() else x for x in inputs]
    xs = [(x.double() if wide else x.clone()).requires_grad_(diff) if x.is_floating_point() else x for x in inputs]
    out = fn(*xs)
    outs = list(out) if isinstance(out, (tuple, list)) else [out]
    case = {"id": cid, "op": name, "attrs": attrs or {}, "inputs": [list(x.shape) for x in inputs], "dtypes": [str(x.dtype).split(".")[1].replace("int64", "int32") for x in inputs],
            "outputs": [list(o.shape) for o in outs], "grads": []}
    for i, x in enumerate(inputs): store[f"{cid}/in{i}"] = stored(x)
    for i, o in enumerate(outs): store[f"{cid}/out{i}"] = stored(o)
    differentiable = [o for o in outs if o.requires_grad]
    # The runner's pullback takes a cotangent for each output.
    if diff and differentiable and len(differentiable) == len(outs):
        cts = []
        for i, o in enumerate(outs):
            ct = torch.randn(o.shape).to(o.dtype)
            store[f"{cid}/cotangent{i}"] = stored(ct); cts.append(ct)
        floats = [x for x in xs if x.is_floating_point()]
        gs = iter(torch.autograd.grad(outs, floats, cts, allow_unused=True))
        for i, x in enumerate(xs):
            if x.is_floating_point():
                g = next(gs)
                if g is not None: store[f"{cid}/grad{i}"] = stored(g); case["grads"].append(i)
    cases.append(case)


def ints(*values): return torch.tensor(values, dtype=torch.int32)
def floats(*values): return torch.tensor(values, dtype=torch.float32)


# ---- elementwise
RANGES = {"tan": (-1.4, 1.4), "asin": (-0.95, 0.95), "acos": (-0.95, 0.95), "atan": (-20, 20), "sinh": (-6, 6), "cosh": (-6, 6), "asinh": (-20, 20), "acosh": (1.05, 20), "atanh": (-0.95, 0.95), "expm1": (-3, 3), "frac": (-9, 9)}
for name, (low, high) in RANGES.items():
    op(name, getattr(torch, name), [low + (high - low) * torch.rand(3, 7)])
    if name not in ("acosh", "frac"): op(name, getattr(torch, name), [floats(0.0, 1e-3, -1e-3, 1e-20, -1e-20)])
for name in ("atan", "sinh", "cosh", "asinh"): op(name, getattr(torch, name), [floats(30, -30, 80, -80, 88, 5)])
for name in ("atan", "asinh"): op(name, getattr(torch, name), [floats(1e10, -1e10, 1e18, -1e18)])
op("acosh", torch.acosh, [floats(1.0001, 1e10, 1e18, 50)])
for name, at in (("asin", "1 and beyond"), ("acos", "1 and beyond"), ("atanh", "1 and beyond")): op(name, getattr(torch, name), [floats(1, -1, 1.5, -2, NAN)], diff=False)

# ---- division with remainder, and bits
NUM = floats(7, -7, 7, -7, 0, -0.0, INF, 5, 1, -1, NAN, 5, -5, 5.5, -5.5, 0.3, 1e20, -1e20)
DEN = floats(3, 3, -3, -3, 3, 3, 3, INF, INF, INF, 1, 0, 0, 2, 2, 0.1, 7, 7)
WHOLE, BY = ints(7, -7, 7, -7, 0, 2**31 - 1, -2**31, -2**31, 123456789), ints(3, 3, -3, -3, 3, 7, 7, 2**31 - 1, -987)
for name, fn in (("fmod", torch.fmod), ("remainder", torch.remainder), ("floor_divide", torch.floor_divide)):
    op(name, fn, [NUM[:16], DEN[:16]], diff=False, wide=False)
    op(name, fn, [WHOLE, BY])
    if name != "floor_divide": op(name, fn, [4 * torch.rand(4, 5) + 0.3, floats(0.9, -1.7, 2.3, -3.1, 1.1)])
BITS, MORE = torch.randint(-2**31, 2**31, (4, 6)).int(), torch.randint(-2**31, 2**31, (6,)).int()
for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    op(name, getattr(torch, name), [BITS, MORE]); op(name, getattr(torch, name), [BITS > 0, MORE > 0])
op("bitwise_not", torch.bitwise_not, [BITS]); op("bitwise_not", torch.bitwise_not, [BITS > 0])
op("bitwise_left_shift", lambda x, y: torch.bitwise_left_shift(x, y), [BITS, ints(0, 1, 5, 17, 30, 31)])
op("bitwise_right_shift", lambda x, y: torch.bitwise_right_shift(x, y), [BITS, ints(0, 1, 5, 17, 30, 31)])
op("logical_xor", torch.logical_xor, [BITS > 0, MORE > 0])

# ---- int32 and bool
op("clamp", lambda x: x.clamp(-5, 9), [torch.randint(-20, 20, (4, 5)).int()], {"min": -5, "max": 9})
for name in ("maximum", "minimum", "add", "mul"):
    op(name, getattr(torch, name), [BITS > 0, MORE > 0])
for name, fn in (("relu", torch.relu), ("square", torch.square), ("floor", lambda x: x)): op(name, fn, [torch.randint(-20, 20, (4, 5)).int()])
for name in ("lt", "le", "gt", "ge"): op(name, getattr(torch, name), [BITS > 0, MORE > 0])
op("amax", lambda x: x.amax(1), [BITS > 0], {"dim": [1], "keepdim": False})

# ---- running sums and products, numbers in order
X = torch.randn(3, 5)
for reverse in (False, True):
    for exclusive in (False, True):
        def run(f, neutral):
            def g(x):
                y = x.flip(1) if reverse else x
                if exclusive: y = torch.cat([torch.full_like(y[:, :1], neutral), y[:, :-1]], 1)
                y = f(y, 1)
                return y.flip(1) if reverse else y
            return g
        op("cumsum", run(torch.cumsum, 0), [X], {"dim": 1, "exclusive": exclusive, "reverse": reverse})
        op("cumprod", run(torch.cumprod, 1), [X], {"dim": 1, "exclusive": exclusive, "reverse": reverse})
op("linspace", lambda: torch.linspace(-3, 11, 9), [], {"start": -3, "end": 11, "steps": 9}); op("linspace", lambda: torch.linspace(0, 4, 4, dtype=torch.int32), [], {"start": 0, "end": 4, "steps": 4, "dtype": "int32"})
op("logspace", lambda: torch.logspace(-2, 3, 6), [], {"start": -2, "end": 3, "steps": 6}); op("logspace", lambda: torch.logspace(0, 4, 5, base=2), [], {"start": 0, "end": 4, "steps": 5, "base": 2})
op("eye", lambda: torch.eye(3, 5), [], {"n": 3, "m": 5})
op("round", torch.round, [floats(0.5, 1.5, 2.5, -0.5, -1.5, -0.3, 8388609, 1e30)], diff=False)
op("hardswish", F.hardswish, [floats(-INF, INF, NAN, -4, -3, 0, 1, 3, 4)], diff=False)
op("nan_to_num", torch.nan_to_num, [floats(NAN, INF, -INF, 1)], wide=False, diff=False)

# ---- moves
M = torch.randn(3, 4, 5)
for offset, a, b in ((0, 0, 1), (1, 1, 2), (-2, 2, 0)): op("diagonal", lambda x: torch.diagonal(x, offset, a, b), [M], {"offset": offset, "dim1": a, "dim2": b})
op("diag", lambda x: torch.diag(x, 1), [torch.randn(4)], {"diagonal": 1}); op("diag", lambda x: torch.diag(x, -1), [torch.randn(4, 5)], {"diagonal": -1})
op("unbind", lambda x: torch.unbind(x, 1), [M], {"dim": 1})
op("unflatten", lambda x: x.unflatten(1, (2, 2)), [M], {"dim": 1, "sizes": [2, 2]})
op("broadcast_to", lambda x: torch.broadcast_to(x, (2, 3, 4)), [torch.randn(3, 1)], {"shape": [2, 3, 4]})
op("repeat_interleave", lambda x: x.repeat_interleave(3, 1), [M], {"repeats": 3, "dim": 1}); op("repeat_interleave", lambda x: x.repeat_interleave(2), [M], {"repeats": 2})
op("repeat_interleave", lambda x, r: x.repeat_interleave(r.long(), 0), [M, ints(2, 0, 3)], {"dim": 0})
for indexing in ("ij", "xy"): op("meshgrid", lambda *xs: torch.meshgrid(*xs, indexing=indexing), [torch.randn(2), torch.randn(3), torch.randn(4)], {"indexing": indexing})
op("pad", lambda x: F.pad(x, (3, 2), mode="reflect"), [M], {"pad": [3, 2], "mode": "reflect"})
op("pad", lambda x: F.pad(x, (5, 2), mode="replicate"), [M], {"pad": [5, 2], "mode": "replicate"})
op("pad", lambda x: F.pad(x, (4, 3), mode="circular"), [M], {"pad": [4, 3], "mode": "circular"})
op("pad", lambda x: F.pad(x[None], (1, 2, 3, 1), mode="reflect")[0], [M], {"pad": [1, 2, 3, 1], "mode": "reflect"})
for equation, shapes in (("ii->i", [(3, 3)]), ("ii", [(3, 3)]), ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]), ("b...,...b", [(2, 3), (3, 2)]), ("biji,jk->bik", [(2, 3, 4, 3), (4, 5)]), ("...ij->ij", [(2, 3, 4)])):
    op("einsum", lambda *xs: torch.einsum(equation, *xs), [torch.randn(s) for s in shapes], {"equation": equation})

# ---- indices: different places where torch leaves open which element stays
PLACES = torch.stack([torch.randperm(4)[:3] for _ in range(5)], 1)
op("scatter", lambda x, i, s: x.scatter(0, i, s), [torch.randn(4, 5), PLACES, torch.randn(3, 5)], {"dim": 0}); op("scatter", lambda x, i: x.scatter(0, i, 7.0), [torch.randn(4, 5), PLACES], {"dim": 0, "value": 7})
MANY = torch.randint(0, 4, (3, 9))
for reduce in ("sum", "prod", "mean", "amax", "amin"):
    for own in (True, False):
        op("scatter_reduce", lambda x, i, s: x.scatter_reduce(1, i, s, reduce, include_self=own), [torch.randn(3, 5), MANY, torch.randn(3, 9)], {"dim": 1, "reduce": reduce, "include_self": own})
ND = torch.tensor([[0, 1], [2, 3], [0, 1]])
op("gather_nd", lambda x, i: x[i[:, 0], i[:, 1]], [M, ND])
op("scatter_nd", lambda i, u: torch.zeros(3, 4, 5, dtype=u.dtype).index_put((i[:, 0], i[:, 1]), u, accumulate=True), [ND, torch.randn(3, 5)], {"shape": [3, 4, 5]})
op("scatter_nd", lambda x, i, u: x.index_put((i[:2, 0], i[:2, 1]), u), [M, ND[:2], torch.randn(2, 5)])
EDGES = torch.sort(torch.randn(3, 6), 1)[0]
for right in (False, True): op("searchsorted", lambda s, v: torch.searchsorted(s, v, right=right), [EDGES, torch.cat([torch.randn(3, 4), EDGES[:, 2:4]], 1)], {"right": right}, diff=False)
op("searchsorted", lambda s, v: torch.searchsorted(s, v), [floats(1, 2, 2, 5), floats(0, 2, 9, NAN, -INF, INF).reshape(2, 3)], diff=False)
op("bincount", lambda x: torch.bincount(x, minlength=9), [ints(3, 1, 3, 0, 5)], {"minlength": 9}); op("bincount", lambda x, w: torch.bincount(x, w), [ints(3, 1, 3), floats(0.5, 2, 4)], diff=False)
op("nonzero", torch.nonzero, [torch.randint(0, 2, (3, 4)).int()]); op("masked_select", torch.masked_select, [torch.randn(3, 4), torch.rand(3, 4) > 0.5], diff=False)

# ---- cross-entropy with weights, and of probabilities
LOGITS, CLASSES, WEIGHT, SOFT = torch.randn(6, 5), torch.tensor([0, 4, -100, 2, 2, 1]), torch.rand(5) + 0.2, torch.softmax(torch.randn(6, 5), 1)
for reduction in ("mean", "sum", "none"):
    for smoothing in (0.0, 0.2):
        attrs = {"reduction": reduction, "label_smoothing": smoothing, "ignore_index": -100}
        op("cross_entropy", lambda x, t, w: F.cross_entropy(x, t, w.detach(), reduction=reduction, label_smoothing=smoothing), [LOGITS, CLASSES, WEIGHT], attrs)
        op("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=reduction, label_smoothing=smoothing), [LOGITS, SOFT], attrs)
        op("cross_entropy", lambda x, t, w: F.cross_entropy(x, t, w.detach(), reduction=reduction, label_smoothing=smoothing), [LOGITS, SOFT, WEIGHT], attrs)
op("cross_entropy", lambda x, t, w: F.cross_entropy(x, t, w.detach()), [torch.randn(2, 5, 3), torch.randint(0, 5, (2, 3)), WEIGHT], {"reduction": "mean", "label_smoothing": 0.0, "ignore_index": -100})

os.makedirs(OUT, exist_ok=True)
KINDS = {torch.float32: "F32", torch.int32: "I32", torch.uint8: "U8"}
header, parts, at = {"__metadata__": {"torch": torch.__version__}}, [], 0
for name, t in store.items():
    data = t.numpy().tobytes()
    header[name] = {"dtype": KINDS[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + len(data)]}
    parts.append(data); at += len(data)
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(os.path.join(OUT, "ops.safetensors"), "wb") as file: file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
json.dump({"torch": torch.__version__, "cases": cases}, open(os.path.join(OUT, "ops.json"), "w"), indent=1, allow_nan=False)
print(len(cases), "cases of", len({c["op"] for c in cases}), "ops,", os.path.getsize(os.path.join(OUT, "ops.safetensors")), "bytes")
