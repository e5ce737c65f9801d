"""Variables of `make wafer`: name, default, what it is, and all values where they are few."""

__all__ = ["WAFER"]

WAFER: tuple[tuple, ...] = (
    ("MODEL", "deepseek-v3", "a model that comes along, or its config.json"),
    ("WAFER", "wafer", "the paper's 8x8 dies, or a .toml file"),
    ("DIES", "", "COLUMNSxROWS dies, instead of the wafer's"),
    ("SHAPE", "", "mesh, torus or fat-tree, instead of the wafer's"),
    ("D2D_GBPS", "", "10^9 bytes/s of a link between dies, each direction"),
    ("D2D_NS", "", "nanoseconds of a link between dies"),
    ("EP", "32", "dies that share the routed experts; 1 for a model without"),
    ("PP", "2", "pipeline stages"),
    ("TP", "1", "dies that share heads and dense layers"),
    ("BATCH", "256", "requests of a die in a step"),
    ("KV", "4096", "keys that attention reads for each request"),
    ("DRAFTS", "2", "tokens of a request that a step checks, drafted ones included"),
    ("ACCEPTANCE", "0.7", "probability that a drafted token is right"),
    ("ELEMENT", "fp8", "format of weights, caches, inputs of products", ("fp8", "bf16")),
    ("ATTENTION", "flat", "collectives in the network, or tiles alone", ("flat", "flash")),
    (
        "COPIES",
        "expert",
        "of a token: one an expert, one a die, or multicast and added by the fabric",
        ("expert", "die", "fabric"),
    ),
    ("SKEW", "0", "exponent of Zipf's law of the experts' popularity; 0: even"),
    ("OVERLAP", "0", "1: two micro-batches, transfers behind kernels", ("0", "1")),
    ("REQUEST", "", "PROMPT/OUTPUT tokens: other dies read the prompts, one a die at a time"),
    ("COSTS", "ours", "our hardware's; of make model also the papers'", ("ours", "paper")),
)
