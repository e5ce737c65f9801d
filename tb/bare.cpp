// The mesh without a testbench: toggles the clock until `finished`, prints cycles and seconds. Used to see what cocotb costs.
// Arguments: NAME=VALUE for the inputs below, then plusargs.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include "Vtop.h"
#include "verilated.h"

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    Vtop top{&context, ""};
    std::map<std::string, unsigned long> inputs;
    for (int i = 1; i < argc; ++i)
        if (const char* equals = std::strchr(argv[i], '='); equals && argv[i][0] != '+')
            inputs[std::string(argv[i], equals - argv[i])] = std::stoul(equals + 1);
    top.boot_address = inputs["boot_address"];
    top.boot_words = inputs["boot_words"];
    top.hbm_latency = inputs["hbm_latency"];
    top.hbm_bytes_per_cycle = inputs["hbm_bytes_per_cycle"];
    top.watchdog = inputs["watchdog"];

    unsigned long cycles = 0;
    auto cycle = [&] {
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
        context.timeInc(2);
        ++cycles;
    };
    top.rst = 1;
    for (int i = 0; i < 4; ++i) cycle();
    top.rst = 0;
    cycles = 0;
    const auto start = std::chrono::steady_clock::now();
    while (!top.finished) cycle();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("{\"simulated\": %lu, \"cycles\": %u, \"error\": %d, \"seconds\": %.4f}\n", cycles, top.cycles, top.error | top.hung,
                seconds.count());
    top.final();
}
