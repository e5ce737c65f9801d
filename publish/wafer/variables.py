"""Variables of `make wafer`: name, default, what it is, and all values where they are few."""

__all__ = ["WAFER"]

WAFER: tuple[tuple, ...] = (
    ("MODEL", "deepseek-v3", "a bundled model, or the path of a config.json"),
    ("WAFER", "wafer", "the paper's 8x8 dies, or a .toml file"),
    ("DIES", "", "COLUMNSxROWS dies, instead of the wafer's"),
    ("SHAPE", "", "mesh, torus or fat-tree, instead of the wafer's"),
    ("D2D_GBPS", "", "10^9 bytes/s of a link between dies, each direction"),
    ("D2D_NS", "", "nanoseconds of a link between dies"),
    ("EP", "", "dies that share the routed experts; if empty 32, or 1 for a model without experts"),
    ("PP", "2", "pipeline stages"),
    ("TP", "1", "dies that share heads and dense layers"),
    ("BATCH", "256", "requests per die in a step"),
    ("KV", "4096", "keys that attention reads for each request"),
    ("DRAFTS", "2", "tokens of a request that a step checks, drafted ones included"),
    ("ACCEPTANCE", "0.7", "probability that a drafted token is right"),
    ("ELEMENT", "fp8", "format of weights, caches, inputs of products", ("fp8", "bf16")),
    ("ATTENTION", "flat", "collectives in the network, or tiles alone", ("flat", "flash")),
    (
        "COPIES",
        "expert",
        "copies of a token: one per expert, one per die, or multicast and summed by the fabric",
        ("expert", "die", "fabric"),
    ),
    ("SKEW", "0", "Zipf exponent of the experts' popularity; 0: uniform"),
    ("OVERLAP", "0", "1: two micro-batches, transfers behind kernels", ("0", "1")),
    (
        "REQUEST",
        "",
        "PROMPT/OUTPUT tokens: other dies do the prefill, a prompt per die at a time",
    ),
    ("COSTS", "ours", "ours, our hardware's, or paper, the papers'", ("ours", "paper")),
)
