// The mesh without a testbench: toggles the clock until `finished`, prints cycles and processor seconds, and those of a fixed
// loop before and after it, which say how fast the host was at that time. Used to see what cocotb costs.
// Arguments: NAME=VALUE for the inputs below, then plusargs.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

// Processor seconds of a loop that never changes: dependent loads from 512 KiB, and multiplications.
static double reference_loop() {
    std::vector<uint32_t> table(1 << 17);
    uint32_t state = 1;
    for (auto& word : table) word = state = state * 1664525u + 1013904223u;
    const std::clock_t start = std::clock();
    for (uint32_t i = 0; i < 8'000'000; ++i) state = table[state >> 15] ^ (state * 0x9E3779B1u + i);
    const double seconds = double(std::clock() - start) / CLOCKS_PER_SEC;
    return state == 42 ? seconds * (1 + 1e-9) : seconds;  // the loop has a result
}

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
    double reference = reference_loop();
    const std::clock_t start = std::clock();
    const auto wall_start = std::chrono::steady_clock::now();
    while (!top.finished) cycle();
    const double seconds = double(std::clock() - start) / CLOCKS_PER_SEC;
    const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall_start).count();
    reference += reference_loop();
    std::printf("{\"simulated\": %lu, \"cycles\": %u, \"error\": %d, ", cycles, top.cycles, top.error | top.hung);
    std::printf("\"seconds\": %.4f, \"wall_seconds\": %.4f, \"reference_seconds\": %.4f}\n", seconds, wall, reference);
    top.final();
}
