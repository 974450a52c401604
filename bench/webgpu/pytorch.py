"""PyTorch's figures for the tables of `npm run bench -- webgpu`, which runs this program and merges them by table and key.

Reads a job as JSON from standard input (see pytorch-job.ts) and prints one JSON object a line:
{"info": {...}} first, then {"table", "key", "ms", "bestMs", ...}; {"failed": "..."} where one of them did not run,
{"absent": "..."} and nothing else where there is no PyTorch that sees a GPU.
"""

import json
import subprocess
import sys
import time
import traceback

# This file's folder is no place to import from: a library that looks for a module "pytorch" would find this one and run it again.
sys.path.pop(0)


def say(**line):
    print(json.dumps(line), flush=True)


JOB = json.load(sys.stdin)

try:
    import torch
except ImportError as error:
    say(absent=f"this Python has none ({error})")
    sys.exit(0)
if not torch.cuda.is_available():
    say(absent="torch sees no CUDA device")
    sys.exit(0)

import torch.nn.functional as F

DEVICE = torch.device("cuda")


def driver():
    try:
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(query, capture_output=True, text=True, timeout=20).stdout.strip().splitlines()[0]
    except (OSError, IndexError, subprocess.SubprocessError):
        return "unknown"


def use(matmul):
    """fp32 means fp32: no TensorFloat-32 unless asked for."""
    torch.backends.cuda.matmul.allow_tf32 = matmul == "tf32"
    torch.backends.cudnn.allow_tf32 = matmul == "tf32"


def seconds(run, calls):
    start = time.perf_counter()
    for _ in range(calls):
        run()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / calls


def measure(run, rounds=None):
    """Milliseconds of a call, median and best of rounds: calls are issued, then the device is waited for once."""
    torch.cuda.synchronize()
    seconds(run, 2)
    calls, once = 1, seconds(run, 1)
    while once * calls < JOB["roundSeconds"] and calls < 20000:
        calls = min(20000, max(2 * calls, int(JOB["roundSeconds"] / once) + 1))
        once = seconds(run, calls)
    warm = 0.0
    while warm < JOB["warmSeconds"]:
        warm += calls * seconds(run, calls)
    samples = sorted(seconds(run, calls) for _ in range(rounds or JOB["rounds"]))
    return {"ms": 1000 * samples[len(samples) // 2], "bestMs": 1000 * samples[0]}


def attempt(table, key, figures):
    """Prints the figures of one row; one that fails costs that row alone."""
    try:
        say(table=table, key=key, **figures())
    except Exception as error:  # noqa: BLE001 -- whatever it is, the other rows go on
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = str(error).splitlines()[0] if str(error) else ""
        say(failed=f"{table} {key}: {type(error).__name__}: {text} (in {place.name}, line {place.lineno})")
    torch.cuda.empty_cache()


def peak():
    a, b = torch.randn(256, device=DEVICE), torch.randn(256, device=DEVICE)

    def thousand():
        for _ in range(1000):
            torch.add(a, b)

    def issue():
        thousand()
        torch.cuda.synchronize()
        start = time.perf_counter()
        thousand()
        took = time.perf_counter() - start
        torch.cuda.synchronize()
        return {"ms": took}

    def whole():
        figures = measure(thousand)
        return {name: value / 1000 for name, value in figures.items()}

    attempt("peak", "add of 256 elements, issue", issue)
    attempt("peak", "add of 256 elements", whole)
    attempt("peak", "read one element", lambda: measure(lambda: a[0].item()))


def products():
    for job in JOB["products"]:
        m, k, n, layout = job["m"], job["k"], job["n"], job["layout"]
        left = torch.randn((k, m) if layout == "TN" else (m, k), device=DEVICE)
        right = torch.randn((n, k) if layout == "NT" else (k, n), device=DEVICE)

        def product(left=left, right=right, layout=layout):
            return (left.T if layout == "TN" else left) @ (right.T if layout == "NT" else right)

        for precision in ("fp32", "tf32", "bf16"):
            use(precision)
            run = product
            if precision == "bf16":
                half_left, half_right = left.bfloat16(), right.bfloat16()

                def run(product=product, half_left=half_left, half_right=half_right):
                    return product(half_left, half_right)

            key = job["key"] if precision == "fp32" else f"{job['key']} {precision}"
            attempt("products", key, lambda run=run: measure(run))
        use("fp32")


def bsr_forward(job):
    """PyTorch's own block-sparse rows, by the layout of the job."""
    size = job["blockSize"]
    indices = [torch.tensor(job[name], device=DEVICE) for name in ("crowIndices", "colIndices")]
    values = torch.randn((len(job["colIndices"]), size, size), device=DEVICE)
    weight = torch.sparse_bsr_tensor(*indices, values, size=(job["outputs"], job["inputs"]))
    x = torch.randn((job["tokens"], job["inputs"]), device=DEVICE)
    return lambda: F.linear(x, weight)


def bsr():
    with torch.no_grad():
        for job in JOB["bsr"]:
            attempt("bsr", job["key"], lambda job=job: measure(bsr_forward(job)))


def memory_op(key, sizes, shapes):
    """A function that runs the op once, its inputs in place."""
    randn = lambda *shape: torch.randn(shape, device=DEVICE)  # noqa: E731
    aten = torch.ops.aten
    if key == "copy":
        x = randn(*sizes)
        return lambda: x.clone()
    if key == "add":
        x, y = randn(*sizes), randn(*sizes)
        return lambda: torch.add(x, y)
    if key == "gelu":
        x = randn(*sizes)
        return lambda: F.gelu(x)
    if key == "gelu backward":
        x, dy = randn(*sizes), randn(*sizes)
        return lambda: aten.gelu_backward(dy, x)
    if key == "dropout":
        x = randn(*sizes)
        return lambda: F.dropout(x, 0.1, training=True)
    if key == "softmax":
        x = randn(*sizes)
        return lambda: torch.softmax(x, -1)
    if key == "layer norm":
        x, w, b = randn(*sizes), randn(sizes[1]), randn(sizes[1])
        return lambda: F.layer_norm(x, (sizes[1],), w, b, 1e-5)
    if key == "layer norm backward":
        x, dy, w, b = randn(*sizes), randn(*sizes), randn(sizes[1]), randn(sizes[1])
        _, mean, rstd = aten.native_layer_norm(x, [sizes[1]], w, b, 1e-5)
        return lambda: aten.native_layer_norm_backward(dy, x, [sizes[1]], mean, rstd, w, b, [True, True, True])
    if key == "cross-entropy, both ways":
        logits = randn(*sizes).requires_grad_()
        target = torch.randint(0, sizes[1], (sizes[0],), device=DEVICE)
        return lambda: torch.autograd.grad(F.cross_entropy(logits, target, reduction="sum"), logits)
    if key == "embedding":
        rows, vocabulary, columns = sizes
        table, ids = randn(vocabulary, columns), torch.randint(0, vocabulary, (rows,), device=DEVICE)
        return lambda: F.embedding(ids, table)
    if key == "embedding backward":
        rows, vocabulary, columns = sizes
        dy, ids = randn(rows, columns), torch.randint(0, vocabulary, (rows,), device=DEVICE)
        return lambda: aten.embedding_dense_backward(dy, ids, vocabulary, -1, False)
    if key in ("adamw", "norm of all gradients"):
        parameters = [torch.nn.Parameter(randn(*shape)) for shape in shapes]
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
        if key == "adamw":
            return torch.optim.AdamW(parameters, lr=1e-6, fused=True).step
        gradients = [parameter.grad for parameter in parameters]
        return lambda: torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    raise ValueError("no such op here")


def memory():
    for job in JOB["memory"]:
        attempt(
            "memory",
            job["key"],
            lambda job=job: measure(memory_op(job["key"], job["sizes"], job.get("shapes"))),
        )


def step_of(sizes, dropout, masked_head, precision):
    """One training step of Hugging Face's model in eager mode: forward, backward, clip, fused AdamW."""
    import transformers

    torch.manual_seed(1)
    config = transformers.RobertaConfig(
        vocab_size=sizes["vocabulary"],
        hidden_size=sizes["hidden"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        intermediate_size=4 * sizes["hidden"],
        max_position_embeddings=sizes["positions"],
        type_vocab_size=1,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        layer_norm_eps=1e-5,
    )
    model = transformers.RobertaForMaskedLM(config).to(DEVICE).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    shape = (sizes["batch"], sizes["tokens"])
    ids = torch.randint(5, sizes["vocabulary"], shape, device=DEVICE)
    masked = torch.rand(shape, device=DEVICE) < 0.15
    labels = torch.where(masked, ids, -100)
    places = masked.flatten().nonzero()[:, 0]
    wanted = ids.flatten()[places]

    def loss():
        if not masked_head:
            return model(input_ids=ids, labels=labels).loss
        hidden = model.roberta(input_ids=ids)[0].flatten(0, 1)[places]
        return F.cross_entropy(model.lm_head(hidden), wanted)

    def step():
        optimizer.zero_grad(set_to_none=True)
        if precision == "bf16":
            with torch.autocast("cuda", torch.bfloat16):
                value = loss()
        else:
            value = loss()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step, sum(parameter.numel() for parameter in model.parameters())


def step_figures(sizes, dropout=0.0, masked_head=False, precision="fp32"):
    use(precision)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    step, parameters = step_of(sizes, dropout, masked_head, precision)
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    step()
    torch.cuda.synchronize()
    peak_bytes = torch.cuda.max_memory_allocated() - before
    samples = sorted(seconds(step, 10) for _ in range(JOB["rounds"]))
    use("fp32")
    return {
        "ms": 1000 * samples[len(samples) // 2],
        "bestMs": 1000 * samples[0],
        "peakBytes": peak_bytes,
        "parameters": parameters,
    }


def steps():
    for sizes in JOB["steps"]:
        name = sizes["name"]
        for key, options in {
            f"{name} dense": {},
            f"{name} dense, head at masked positions": {"masked_head": True},
            f"{name} dense, dropout 0.1": {"dropout": 0.1},
            f"{name} dense, TF32": {"precision": "tf32"},
            f"{name} dense, bf16": {"precision": "bf16"},
        }.items():
            attempt("steps", key, lambda sizes=sizes, options=options: step_figures(sizes, **options))


try:
    from transformers import __version__ as transformers_version
except ImportError:
    transformers_version = None

use("fp32")
say(
    info={
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "gpu": torch.cuda.get_device_name(),
        "driver": driver(),
        "transformers": transformers_version,
    }
)
if JOB["peak"]:
    peak()
products()
bsr()
memory()
if transformers_version is None and JOB["steps"]:
    say(failed="there is no transformers package, so no training steps")
else:
    steps()
