// The tiles of a mesh as objects of one compiled tile; see hw/sim/native.py. Called once a cycle, at the falling clock edge:
// hands back what the tiles show now, then takes all of them through the next rising edge.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "Vtile.h"
#include "placement.h"
#include "svdpi.h"
#include "verilated.h"
#ifdef FLATMESH_ONE_EVAL
#include "Vtile___024root.h"
#endif

namespace {

constexpr int TILES = COLUMNS * ROWS;
constexpr int CHANNELS = sizeof(CHANNEL) / sizeof(CHANNEL[0]);

std::vector<std::unique_ptr<Vtile>> all;

// Random back-pressure on a link: the law of hw/sim/stall.py.
struct Stall {
    uint32_t state = 1;
    bool offered = false;

    // Whether an item may pass in this cycle.
    bool passing(bool run, int rate) const { return !run || offered || static_cast<int>(state & 255) >= rate; }

    // To the next cycle, of a link in which `waiting` is offered and not taken.
    void step(bool run, bool waiting, uint32_t number, uint32_t seed) {
        offered = waiting;
        if (!run) {
            state = (number * 0x9E3779B1u + 0x7F4A7C15u | 1u) ^ (seed | seed << 16) | 1u << 31;
            return;
        }
        for (int i = 0; i < 8; ++i) state = state >> 1 ^ (state & 1 ? 0x80200003u : 0u);
    }
};

// The stalls of all links, in the order in which hw/mesh/tiles.py numbers them, from 1.
struct Stalls {
    std::vector<Stall> all;
    size_t next = 0;
    bool run = false;
    int rate = 0;
    uint32_t seed = 0;

    void begin(bool running, int new_rate, uint32_t new_seed) {
        next = 0;
        run = running;
        rate = new_rate;
        seed = new_seed;
    }

    // Pass valid and ready between the ends of the next link.
    void pass(bool source_valid, bool sink_ready, bool& sink_valid, bool& source_ready) {
        sink_valid = source_valid;
        source_ready = sink_ready;
        if (!rate) return;
        if (next == all.size()) all.emplace_back();
        Stall& stall = all[next++];
        const bool passing = stall.passing(run, rate);
        sink_valid &= passing;
        source_ready &= passing;
        stall.step(run, sink_valid && !sink_ready, next, seed);
    }
};

Stalls stalls;

// A link of a network from port `out` of one tile to port `in` of its neighbour. A payload matters while it is valid.
#define PORT(net, way, index, member) net##_##way##___05F##index##___05F##member
#define LINK(net, out, in, source, sink)                                                                          \
    do {                                                                                                          \
        bool valid, ready;                                                                                        \
        stalls.pass((source).PORT(net, o, out, valid), (sink).PORT(net, i, in, ready), valid, ready);              \
        (sink).PORT(net, i, in, valid) = valid;                                                                   \
        (source).PORT(net, o, out, ready) = ready;                                                                \
        if (valid) (sink).PORT(net, i, in, payload) = (source).PORT(net, o, out, payload);                        \
    } while (0)
#define LINKS(out, in, source, sink)          \
    do {                                      \
        LINK(data, out, in, source, sink);    \
        LINK(request, out, in, source, sink); \
        LINK(reduce, out, in, source, sink);  \
    } while (0)

// Both ends of all links between neighbours. Ports: 0 west, 1 east, 2 south, 3 north.
void connect() {
    for (int i = 0; i < TILES; ++i) {
        const int x = i % COLUMNS, y = i / COLUMNS;
        if (x + 1 < COLUMNS) LINKS(1, 0, *all[i], *all[i + 1]);
        if (y + 1 < ROWS) LINKS(3, 2, *all[i], *all[i + COLUMNS]);
        if (x > 0) LINKS(0, 1, *all[i], *all[i - 1]);
        if (y > 0) LINKS(2, 3, *all[i], *all[i - COLUMNS]);
    }
}

#include "native_boot.h"

DirectBoot boot;

bool bit(const svBitVecVal* words, int index) { return words[index / 32] >> index % 32 & 1; }

void set(svBitVecVal* words, int index, bool value) { words[index / 32] |= svBitVecVal{value} << index % 32; }

#define CHANNEL_END(port)                                                                                              \
    case port:                                                                                                         \
        stalls.pass(tile.PORT(request, o, port, valid), bit(request_ready, c), valid, ready);                          \
        set(request_valid, c, valid);                                                                                  \
        tile.PORT(request, o, port, ready) = ready;                                                                    \
        std::memcpy(request_payload + c * request_words, &tile.PORT(request, o, port, payload), 4 * request_words);     \
        stalls.pass(bit(data_valid, c), tile.PORT(data, i, port, ready), valid, ready);                                \
        tile.PORT(data, i, port, valid) = valid;                                                                       \
        set(data_ready, c, ready);                                                                                     \
        std::memcpy(&tile.PORT(data, i, port, payload), data_payload + c * data_words, 4 * data_words);                 \
        break

constexpr size_t request_words = sizeof(Vtile::request_o___05F0___05Fpayload) / 4;
constexpr size_t data_words = sizeof(Vtile::data_i___05F0___05Fpayload) / 4;

// A part of a tile that may sleep gets no clock edge; see hw/tile/ports.py. Parts of `awake` in its order.
#define ARRIVING(net)                                                                                               \
    (tile.PORT(net, i, 0, valid) | tile.PORT(net, i, 1, valid) | tile.PORT(net, i, 2, valid) | tile.PORT(net, i, 3, valid))
#ifdef FLATMESH_ONE_EVAL
// The next eval sees a rising edge without one of clk = 0.
#define FALL(clock) tile.rootp->__Vtrigprevexpr___TOP__##clock##__0 = 0
#else
#define FALL(clock) tile.clock = 0
#endif

void step(Vtile& tile, int index) {
    const unsigned awake = tile.awake;
    tile.probe_index = index;
    tile.clk = 1;
    tile.clk_vector = awake & 1;
    tile.clk_data = (awake >> 1 & 1) | ARRIVING(data);
    tile.clk_request = (awake >> 2 & 1) | ARRIVING(request);
    tile.clk_reduce = (awake >> 3 & 1) | ARRIVING(reduce);
    tile.eval();
    FALL(clk);
    FALL(clk_vector);
    FALL(clk_data);
    FALL(clk_request);
    FALL(clk_reduce);
#ifndef FLATMESH_ONE_EVAL
    tile.eval();
#endif
}

}  // namespace

extern "C" void flatmesh_tiles_begin() {
    boot.begin();
    for (int i = 0; i < TILES; ++i) {
        const std::string name = "tile_" + std::to_string(i % COLUMNS) + "_" + std::to_string(i / COLUMNS);
        all.push_back(std::make_unique<Vtile>(Verilated::threadContextp(), name.c_str()));
        Vtile& tile = *all.back();
        tile.x = i % COLUMNS;
        tile.y = i / COLUMNS;
        static_assert(sizeof(Vtile::mesh) == sizeof SHAPE);
        std::memcpy(&tile.mesh, SHAPE, sizeof SHAPE);
        tile.boot_x = BOOT[i].x;
        tile.boot_y = BOOT[i].y;
        tile.boot_edge = BOOT[i].edge;
    }
}

extern "C" void flatmesh_tiles(int control, int address, int image_words, int stall_rate, int stall_seed, int target, int index,
                               const svBitVecVal* request_ready, const svBitVecVal* data_valid, const svBitVecVal* data_payload,
                               int* status, int* probe, svBitVecVal* request_valid, svBitVecVal* data_ready,
                               svBitVecVal* request_payload, svBitVecVal* events, svBitVecVal* tags) {
    // Counters are read once a run has ended, a number in four cycles. From the first that is not number 0 of tile 0 on, time
    // stands still in all tiles but the one that is read: with 1024 tiles it would take hours.
    static bool reading = false;
    static int last = 0;
    reading |= target || index;
    if (reading) {
        Vtile& tile = *all[target < TILES ? target : TILES - 1];
        step(tile, index);
        *status = last;
        *probe = tile.probe_data;
        std::memset(request_valid, 0, (CHANNELS + 31) / 32 * sizeof *request_valid);
        std::memset(data_ready, 0, (CHANNELS + 31) / 32 * sizeof *data_ready);
        if constexpr (EVENTS) std::memset(events, 0, (TILES * KINDS + 31) / 32 * sizeof *events);
        return;
    }
    const bool run = control >> 1 & 1;
    bool booted = true, done = true, alive = false, error = false;
    for (auto& tile : all) {
        booted &= tile->booted;
        done &= tile->done;
        alive |= tile->alive;
        error |= tile->error;
    }
    *status = last = booted | done << 1 | alive << 2 | error << 3;
    *probe = all[target < TILES ? target : TILES - 1]->probe_data;
    if constexpr (EVENTS) {
        std::memset(events, 0, (TILES * KINDS + 31) / 32 * sizeof *events);
        for (int i = 0; i < TILES; ++i) {
            const auto* view = reinterpret_cast<const EData*>(&all[i]->view);
            for (int kind = 0; kind < KINDS; ++kind) {
                const int at = EVENT_OFFSET + kind * EVENT_STRIDE;
                if (!bit(view, at + VALID)) continue;
                set(events, i * KINDS + kind, true);
                unsigned char tag = 0;
                for (int b = 0; b < 8; ++b) tag |= bit(view, at + TAG + b) << b;
                reinterpret_cast<unsigned char*>(tags)[i * KINDS + kind] = tag;
            }
        }
    }

    stalls.begin(run, stall_rate, stall_seed);
    const bool direct = boot.on() && !booted;
    for (int i = 0; direct && i < TILES; ++i) boot.step(i, *all[i], image_words);
    if (!direct) connect();
    std::memset(request_valid, 0, (CHANNELS + 31) / 32 * sizeof *request_valid);
    std::memset(data_ready, 0, (CHANNELS + 31) / 32 * sizeof *data_ready);
    for (int c = 0; !direct && c < CHANNELS; ++c) {
        Vtile& tile = *all[CHANNEL[c].tile];
        bool valid, ready;
        switch (CHANNEL[c].port) {
            CHANNEL_END(0);
            CHANNEL_END(1);
            CHANNEL_END(2);
            CHANNEL_END(3);
        }
    }
    for (int i = 0; i < TILES; ++i) {
        Vtile& tile = *all[i];
        tile.rst = control & 1;
        tile.run = run;
        tile.stop = control >> 2 & 1;
        tile.expired = control >> 3 & 1;
        tile.boot_address = address + BOOT[i].turn * image_words;
        tile.boot_words = image_words;
        step(tile, index);
    }
}

extern "C" void flatmesh_tiles_end() {
    for (auto& tile : all) tile->final();
    all.clear();
}
