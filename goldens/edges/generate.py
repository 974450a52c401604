"""Writes what PyTorch answers at the edges: zeros of both signs, infinities, NaN, denormals, the largest and the smallest numbers,
empty tensors, equal values, min > max, indices at both ends.

    python3 generate.py OUT

In the format of ../ops.json: every case is one op, its inputs, outputs, and the gradients of sum(out * cotangent). Floats are
computed in float32, as a user's would be. Needs torch and safetensors; runs on a CPU in seconds.
"""
import json, os, sys
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

OUT = sys.argv[1]
os.makedirs(OUT, exist_ok=True)
INF, NAN = float("inf"), float("nan")
# The largest float32, the smallest normal one, the smallest denormal one; a number whose square is too large, one whose square is 0.
MAX, TINY, DENORMAL, HUGE, SMALL = 3.4028234663852886e38, 1.1754943508222875e-38, 1.401298464324817e-45, 1e30, 1e-30
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, TINY, -TINY, DENORMAL, -DENORMAL, SMALL, -SMALL, HUGE, -HUGE, MAX, -MAX, INF, -INF, NAN]
FINITE = [x for x in EDGES if abs(x) != INF and x == x]

cases, store = [], {}


def stored(t):
    t = t.detach()
    kind = torch.float32 if t.is_floating_point() else torch.uint8 if t.dtype == torch.bool else torch.int32
    return t.to(kind).contiguous().clone()


def op(name, fn, inputs, attrs=None, note=None, diff=True, cotangent=None):
    """One case. The cotangents are small, whole and different, so that a gradient shows where it came from."""
    cid = f"{name}.{sum(c['op'] == name for c in cases)}"
    xs = [x.clone().requires_grad_(diff) if x.is_floating_point() else x for x in inputs]
    out = fn(*xs)
    outs = list(out) if isinstance(out, (tuple, list)) else [out]
    case = {"id": cid, "op": name, "attrs": attrs or {}, "inputs": [list(x.shape) for x in inputs], "dtypes": [str(x.dtype).split(".")[1] for x in inputs],
            "outputs": [list(o.shape) for o in outs], "grads": []}
    if note: case["note"] = note
    for i, x in enumerate(inputs): store[f"{cid}/in{i}"] = stored(x)
    for i, o in enumerate(outs): store[f"{cid}/out{i}"] = stored(o)
    differentiable = [o for o in outs if o.requires_grad]
    if diff and differentiable:
        cts = []
        for i, o in enumerate(outs):
            if not o.requires_grad: continue
            ct = torch.full_like(o, cotangent) if cotangent is not None else (torch.arange(o.numel(), dtype=torch.float32) % 3 + 1).reshape(o.shape)
            store[f"{cid}/cotangent{i}"] = stored(ct); cts.append(ct)
        floats = [x for x in xs if x.is_floating_point()]
        gs = iter(torch.autograd.grad(differentiable, floats, cts, allow_unused=True))
        for i, x in enumerate(xs):
            if x.is_floating_point():
                g = next(gs)
                if g is not None: store[f"{cid}/grad{i}"] = stored(g); case["grads"].append(i)
    cases.append(case)


V = lambda *values: torch.tensor(values, dtype=torch.float32)
E = V(*EDGES)
PAIRS = torch.cartesian_prod(E, E)
A, B = PAIRS[:, 0].contiguous(), PAIRS[:, 1].contiguous()
INTS = torch.tensor([0, 1, -1, 7, -7, 2**31 - 1, -2**31], dtype=torch.int32)
EMPTY = [torch.zeros(0), torch.zeros(0, 3), torch.zeros(2, 0)]

# ---- elementwise, one operand
UNARY = {"neg": torch.neg, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "abs": torch.abs, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
         "relu": torch.relu, "erf": torch.erf, "square": torch.square, "reciprocal": torch.reciprocal, "silu": F.silu, "softplus": F.softplus, "sign": torch.sign, "floor": torch.floor,
         "log1p": torch.log1p}
for name, fn in UNARY.items():
    op(name, fn, [E])
    for x in EMPTY: op(name, fn, [x], note="empty")
    op(name, fn, [torch.tensor(-2.5).abs() if name in ("log", "sqrt", "rsqrt") else torch.tensor(-0.75)], note="one element, no dim")
for name, fn in {"sin": torch.sin, "cos": torch.cos}.items():
    op(name, fn, [V(*[x for x in EDGES if not 1e6 < abs(x) < INF])])
for approximate in ("none", "tanh"):
    op("gelu", lambda x: F.gelu(x, approximate=approximate), [E], {"approximate": approximate})
for lo, hi in [(-0.5, 0.5), (0.5, -0.5), (0.0, INF), (-INF, 0.0), (-INF, INF), (INF, -INF), (1.0, 1.0)]:
    op("clamp", lambda x: torch.clamp(x, lo, hi), [E], {"min": lo if abs(lo) != INF else None, "max": hi if abs(hi) != INF else None} if abs(lo) != INF or abs(hi) != INF else {})
    if cases[-1]["attrs"] == {}: cases.pop()  # infinite bounds have no JSON; kept for those that are finite

# ---- elementwise, two operands: every pair
for name, fn in {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum, "minimum": torch.minimum, "pow": torch.pow}.items():
    op(name, fn, [A, B])
    op(name, fn, [torch.zeros(0, 3), torch.zeros(1, 3)], note="empty, broadcast")
    op(name, fn, [V(1.5), V(-2.5).abs()], note="one element")
    if name in ("add", "sub", "mul", "maximum", "minimum"):
        op(name, fn, [INTS[:5], INTS[:5].flip(0)], note="int32", diff=False)
for name in ("eq", "ne", "lt", "le", "gt", "ge"):
    op(name, getattr(torch, name), [A, B], diff=False)
    op(name, getattr(torch, name), [INTS, INTS.flip(0)], note="int32", diff=False)
SEL = torch.arange(A.numel()) % 2 == 0
op("where", torch.where, [SEL, A, B]); op("where", torch.where, [~SEL, A, B]); op("where", torch.where, [torch.zeros(0, dtype=torch.bool), torch.zeros(0), torch.zeros(0)], note="empty")
for value in (0.0, -1e9): op("masked_fill", lambda x, m: x.masked_fill(m, value), [A, SEL], {"value": value})

# ---- reductions: rows of every kind
ROWS = torch.stack([V(1, 2, 3, 4), V(0, -0.0, 0, 0), V(5, 5, 5, 5), V(INF, 1, 2, 3), V(-INF, 1, 2, 3), V(INF, -INF, 0, 1), V(NAN, 1, 2, 3), V(1, NAN, INF, 2), V(-INF, -INF, -INF, -INF),
                    V(INF, INF, 1, 2), V(MAX, MAX, 1, 0), V(-MAX, MAX, -MAX, MAX), V(HUGE, HUGE, -HUGE, 1), V(SMALL, -SMALL, SMALL, SMALL), V(DENORMAL, TINY, 0, -DENORMAL), V(1e8, 1, -1e8, 1), V(2, 2, 1, 2), V(-0.0, 0, -0.0, 0)])
SHAPES = [(ROWS, 1, False, ""), (ROWS, 1, True, ""), (ROWS, 0, False, "columns"), (torch.zeros(0, 3), 1, False, "no rows"), (V(3.5), 0, False, "size one"), (torch.tensor(3.5), None, False, "no dim")]
NOTHING = (torch.zeros(2, 0), 1, False, "over nothing")
def dims(x, d): return tuple(range(x.ndim)) if d is None else d
for x, d, keep, note in SHAPES + [NOTHING]:
    at = {"dim": list(dims(x, d)) if d is None else d, "keepdim": keep}
    dd = dims(x, d)
    if x.ndim == 0: at, dd = {"dim": None, "keepdim": keep}, None
    op("sum", lambda x: torch.sum(x) if dd is None else torch.sum(x, dd, keep), [x], at, note); op("mean", lambda x: torch.mean(x) if dd is None else torch.mean(x, dd, keep), [x], at, note)
    if dd is None: continue
    op("logsumexp", lambda x: torch.logsumexp(x, dd, keep), [x], at, note)
    for correction in (0, 1): op("var", lambda x: torch.var(x, dd, correction=correction, keepdim=keep), [x], {**at, "correction": correction}, note)
    for p in (0.5, 1, 2, 3): op("norm", lambda x: torch.linalg.vector_norm(x, p, dd, keep), [x], {**at, "p": p}, note)
    for correction in (0, 1): op("std", lambda x: torch.std(x, dd, correction=correction, keepdim=keep), [x], {**at, "correction": correction}, note)
    if x.shape[d] == 0: continue
    op("amax", lambda x: torch.amax(x, dd, keep), [x], at, note); op("amin", lambda x: torch.amin(x, dd, keep), [x], at, note)
    op("argmax", lambda x: torch.argmax(x, dd, keep), [x], at, note, diff=False)
for x, d, keep, note in SHAPES[:1] + SHAPES[2:5] + [NOTHING]:
    op("cumsum", lambda x: torch.cumsum(x, d), [x], {"dim": d}, note)
    if x.shape[d] > 0 or True:
        op("softmax", lambda x: F.softmax(x, d), [x], {"dim": d}, note); op("log_softmax", lambda x: F.log_softmax(x, d), [x], {"dim": d}, note)

# ---- norms: rows that are large, small, equal, not finite
NORM_ROWS = torch.stack([V(1, 2, 3, 4), V(5, 5, 5, 5), V(0, 0, 0, 0), V(1e18, -1e18, 2e18, 0), V(HUGE, -HUGE, HUGE, HUGE), V(1e-20, -1e-20, 2e-20, 0), V(SMALL, -SMALL, SMALL, 0), V(1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3),
                         V(INF, 1, 2, 3), V(NAN, 1, 2, 3)])
W, Bias = V(1, 0.5, -1, 2), V(0, 1, -1, 0.5)
for eps in (1e-5, 1e-12):
    for rows, note in ((NORM_ROWS, ""), (torch.zeros(0, 4), "no rows")):
        op("layer_norm", lambda x, w, b: F.layer_norm(x, (4,), w, b, eps), [rows, W, Bias], {"normalized_shape": [4], "eps": eps}, note)
        op("rms_norm", lambda x, w: F.rms_norm(x, (4,), w, eps), [rows, W], {"normalized_shape": [4], "eps": eps}, note)

# ---- losses
LOGITS = torch.stack([V(1, 2, 3), V(1e4, -1e4, 0), V(MAX, 0, -MAX), V(-INF, 1, 2), V(-INF, -INF, 1), V(0, 0, 0), V(NAN, 1, 2), V(1, 2, 3)])
TARGET = torch.tensor([0, 0, 0, 1, 2, 1, 0, -100])
for reduction in ("none", "sum", "mean"):
    keep = slice(None) if reduction == "none" else [0, 1, 3, 4, 5, 7]
    op("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=reduction), [LOGITS[keep], TARGET[keep]], {"reduction": reduction, "ignore_index": -100})
    op("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=reduction), [LOGITS[:2], torch.tensor([-100, -100])], {"reduction": reduction, "ignore_index": -100}, "every row ignored")
    op("mse_loss", lambda x, t: F.mse_loss(x, t, reduction=reduction), [V(1, HUGE, SMALL, 0), V(0, 0, 0, 0)], {"reduction": reduction})
    op("bce_with_logits", lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction), [V(0, 1e4, -1e4, MAX, -MAX, INF, 100), V(0.5, 1, 0, 1, 0, 1, 1)], {"reduction": reduction})
    op("mse_loss", lambda x, t: F.mse_loss(x, t, reduction=reduction), [torch.zeros(0), torch.zeros(0)], {"reduction": reduction}, "empty")

# ---- products
op("matmul", torch.matmul, [torch.stack([V(1, 2), V(0, INF), V(NAN, 0), V(MAX, MAX), V(SMALL, SMALL)]), torch.stack([V(1, 0), V(0, 2)])])
for a, b in (((0, 3), (3, 2)), ((2, 0), (0, 3)), ((2, 3), (3, 0)), ((0, 2, 3), (3, 2))): op("matmul", torch.matmul, [torch.ones(a), torch.ones(b)], note="empty")
op("linear", F.linear, [torch.stack([V(1, 2), V(INF, 0), V(NAN, 1), V(MAX, 1)]), torch.stack([V(1, 0), V(1, 1), V(0, -1)]), V(0, 1, -1)])
op("linear", F.linear, [torch.zeros(0, 2), torch.ones(3, 2), torch.ones(3)], note="no rows"); op("linear", F.linear, [torch.zeros(2, 0), torch.ones(3, 0), torch.ones(3)], note="no features")
op("einsum", lambda a, b: torch.einsum("ij,jk->ik", a, b), [torch.ones(2, 0), torch.ones(0, 3)], {"equation": "ij,jk->ik"}, "over nothing")

# ---- attention: rows that see nothing, masks of -inf, what is not finite behind a mask
torch.manual_seed(1)
Q, K, VV = torch.randn(1, 2, 3, 4), torch.randn(1, 2, 5, 4), torch.randn(1, 2, 5, 4)
SEES = torch.tensor([[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 1, 0, 0]], dtype=torch.bool)[None, None]
FLOAT = torch.zeros(1, 1, 3, 5).masked_fill(~SEES, -INF)
op("scaled_dot_product_attention", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m), [Q, K, VV, SEES])
op("scaled_dot_product_attention", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m), [Q, K, VV, FLOAT], note="float mask")
op("scaled_dot_product_attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v), [Q * 1e4, K * 1e4, VV], note="large scores")

# ---- moves and indices
for name, fn, x, at in [("reshape", lambda x: x.reshape(3, 0), torch.zeros(0, 3), {"shape": [3, 0]}), ("transpose", lambda x: x.transpose(0, 1), torch.zeros(0, 3), {"dim0": 0, "dim1": 1}),
                        ("permute", lambda x: x.permute(2, 0, 1), torch.zeros(2, 0, 3), {"dims": [2, 0, 1]}), ("flip", lambda x: x.flip(0), torch.zeros(0, 3), {"dims": [0]}), ("narrow", lambda x: x.narrow(0, 3, 0), torch.ones(3, 2), {"dim": 0, "start": 3, "length": 0}),
                        ("slice", lambda x: x[2:2], torch.ones(3, 2), {"slices": [[2, 2, 1], [None, None, 1]]}), ("pad", lambda x: F.pad(x, (1, 1)), torch.zeros(2, 0), {"pad": [1, 1]}), ("tile", lambda x: x.repeat(2, 0), torch.ones(2, 3), {"repeats": [2, 0]}),
                        ("tril", lambda x: x.tril(), torch.stack([V(1, NAN, INF), V(2, 3, -INF), V(4, 5, 6)]), {"diagonal": 0}), ("triu", lambda x: x.triu(5), torch.ones(3, 3), {"diagonal": 5}), ("roll", lambda x: x.roll(-7, 1), torch.arange(6.0).reshape(2, 3), {"shifts": -7, "dim": 1})]:
    op(name, fn, [x], at)
op("cat", lambda a, b, c: torch.cat([a, b, c], 0), [torch.zeros(0, 2), torch.ones(1, 2), torch.zeros(0, 2)], {"dim": 0}, "empty parts")
op("index_select", lambda x, i: torch.index_select(x, 0, i), [E[:, None], torch.tensor([0, len(EDGES) - 1, 0])], {"dim": 0}, "both ends"); op("index_select", lambda x, i: torch.index_select(x, 0, i), [torch.ones(3, 2), torch.zeros(0, dtype=torch.int32)], {"dim": 0}, "no indices")
op("gather", lambda x, i: torch.gather(x, 1, i.long()), [ROWS, torch.tensor([[0, 3]] * len(ROWS), dtype=torch.int32)], {"dim": 1}, "both ends")
op("scatter_add", lambda x, i, s: x.scatter_add(0, i.long(), s), [torch.zeros(3), torch.tensor([0, 2, 2, 0], dtype=torch.int32), V(INF, 1, 2, -INF)], {"dim": 0}, "both ends")
op("embedding", lambda i, w: F.embedding(i, w), [torch.tensor([0, 2, 0], dtype=torch.int32), torch.stack([V(INF, 1), V(NAN, NAN), V(1, 2)])], note="both ends"); op("embedding", lambda i, w: F.embedding(i, w), [torch.zeros(0, dtype=torch.int32), torch.ones(3, 2)], note="no indices")
op("one_hot", lambda i: F.one_hot(i.long(), 3), [torch.tensor([0, 2], dtype=torch.int32)], {"num_classes": 3}, diff=False)

save_file(store, os.path.join(OUT, "ops.safetensors"), metadata={"torch": torch.__version__})
json.dump({"torch": torch.__version__, "cases": cases}, open(os.path.join(OUT, "ops.json"), "w"), indent=1, allow_nan=False)
print(len(cases), "cases of", len({c["op"] for c in cases}), "ops,", os.path.getsize(os.path.join(OUT, "ops.safetensors")), "bytes")
