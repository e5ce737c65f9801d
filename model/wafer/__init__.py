"""Large language models on many dies: from kernels on a die to tokens per second.

`description` has the machine, `topology` its links and routes, `flows` and `packets` two models of
what moves over them, `traffic` the collectives; `language` has the models, `layer` their kernels,
`plan` how they are spread over dies, and `serving` puts all of it together.
"""
