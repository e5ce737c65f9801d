// The tiles of a mesh as objects of one compiled tile; see hw/sim/native.py. Called once a cycle, at the falling clock edge:
// hands back what the tiles show now, then takes all of them through the next rising edge.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "Vtile.h"
#include "placement.h"
#include "svdpi.h"
#include "tile_inside.h"
#include "verilated.h"

// These use what is above.
#include "native_links.h"

#include "native_boot.h"
#include "native_crew.h"
#include "native_memory.h"
#include "native_sleep.h"

namespace {

constexpr int TILES = COLUMNS * ROWS;
constexpr int MANY = 64;  // tiles whose state is more than the second cache holds
constexpr int CHANNELS = sizeof(CHANNEL) / sizeof(CHANNEL[0]);

// One tile and all that is asked of it without looking into it.
struct Placed {
    std::unique_ptr<Vtile> tile;
    Vtile* beyond[4] = {};       // neighbours west, east, south, north
    int neighbour[4];            // and their numbers; TILES where there is none
    uint32_t given = ~0u;        // its inputs; none at first
    bool changed = true;         // an input has, since the last cycle
    Sleeper sleeper;
};

std::vector<Placed> placed;
// By tile: what it shows; what it is given by channels, or by all links where they stall. One more that is nowhere shows nothing.
uint32_t shown[TILES + 1], outside[TILES];
Stalls stalls;
DirectBoot boot;
Crew crew;

// Inputs that all tiles have in common.
struct Common {
    int control = -1, address = 0, image_words = 0, index = 0;

    bool operator==(const Common& other) const {
        return control == other.control && address == other.address && image_words == other.image_words && index == other.index;
    }
    bool run() const { return control >> 1 & 1; }
};

Common common;
uint64_t cycle = 0;

bool bit(const svBitVecVal* words, int index) { return words[index / 32] >> index % 32 & 1; }

void set(svBitVecVal* words, int index, bool value) { words[index / 32] |= svBitVecVal{value} << index % 32; }

constexpr size_t request_words = sizeof(Vtile::request_o___05F0___05Fpayload) / 4;
constexpr size_t data_words = sizeof(Vtile::data_i___05F0___05Fpayload) / 4;

// Between channel c and the port of its tile.
#define CHANNEL_END(p)                                                                                    \
    case p:                                                                                               \
        std::memcpy(request_payload + c * request_words, &tile.PORT(request, o, p, payload), 4 * request_words); \
        std::memcpy(&tile.PORT(data, i, p, payload), data_payload + c * data_words, 4 * data_words);        \
        break

void connect_channel(int c, bool request_ready, bool data_valid, const svBitVecVal* data_payload, svBitVecVal* request_valid,
                     svBitVecVal* data_ready, svBitVecVal* request_payload) {
    const int i = CHANNEL[c].tile, port = CHANNEL[c].port;
    Vtile& tile = *placed[i].tile;
    bool valid, ready;
    stalls.pass(shown[i] >> (4 + port) & 1, request_ready, valid, ready);
    set(request_valid, c, valid);
    outside[i] |= uint32_t{ready} << (16 + port);
    stalls.pass(data_valid, shown[i] >> (12 + port) & 1, valid, ready);
    outside[i] |= uint32_t{valid} << port;
    set(data_ready, c, ready);
    switch (port) {
        CHANNEL_END(0);
        CHANNEL_END(1);
        CHANNEL_END(2);
        CHANNEL_END(3);
    }
}

// Both ends of all links between neighbours, where they stall.
void connect_stalling() {
    for (int i = 0; i < TILES; ++i)
        for (const int out : {1, 3, 0, 2})
            if (const int j = placed[i].neighbour[out]; j < TILES) stalls.pass(out, shown[i], shown[j], outside[i], outside[j]);
}

// The inputs of tile i from its links, before any tile takes its next step.
void connect(int i, bool) {
    Placed& here = placed[i];
    uint32_t word = outside[i];
    if (!stalls.rate)
        for (int p = 0; p < 4; ++p) word |= (shown[here.neighbour[p]] >> (p ^ 1) & PORT_BITS) << p;
    word &= VALID_BITS | (shown[i] & VALID_BITS) << 12;  // ready where there is nothing to take means nothing
    Vtile& tile = *here.tile;
    if (word != here.given) {
        here.sleeper.wake(tile, cycle);
        here.changed = true;
        here.given = word;
        give(tile, word);
    }
    if (word & VALID_BITS) give_payloads(tile, word, here.beyond);
}

// A part of a tile that may sleep gets no clock edge; see hw/tile/ports.py. Parts of `awake` in its order.
#ifdef FLATMESH_ONE_EVAL
// The next eval sees a rising edge without one of clk = 0.
#define FALL(clock) tile.rootp->__Vtrigprevexpr___TOP__##clock##__0 = 0
#else
#define FALL(clock) tile.clock = 0
#endif

void clock(Vtile& tile, uint32_t given) {
    const unsigned awake = tile.awake;
    tile.clk = 1;
    tile.clk_vector = awake & 1;
    tile.clk_data = (awake >> 1 & 1) | ((given & 0xF) != 0);
    tile.clk_request = (awake >> 2 & 1) | ((given & 0xF0) != 0);
    tile.clk_reduce = (awake >> 3 & 1) | ((given & 0xF00) != 0);
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

// Tile i through the next rising edge; the thread goes on with the tile after it, or not.
void step(int i, bool with_next) {
    Placed& here = placed[i];
    if (here.sleeper.asleep) return;
    if (TILES >= MANY && with_next && !placed[i + 1].sleeper.asleep) prefetch(*placed[i + 1].tile);
    Vtile& tile = *here.tile;
    const bool idle = !here.changed && !(here.given & VALID_BITS) && !(shown[i] & ALIVE);
    here.changed = false;
    here.sleeper.watch(tile, idle, cycle, [&] { clock(tile, here.given); });
    shown[i] = look(tile);
}

// Inputs that all tiles have in common, where they have changed.
void give_common(const Common& now) {
    if (common == now) return;
    common = now;
    for (int i = 0; i < TILES; ++i) {
        Placed& here = placed[i];
        Vtile& tile = *here.tile;
        here.sleeper.wake(tile, cycle);
        here.changed = true;
        tile.rst = now.control & 1;
        tile.run = now.run();
        tile.stop = now.control >> 2 & 1;
        tile.expired = now.control >> 3 & 1;
        tile.boot_address = now.address + BOOT[i].turn * now.image_words;
        tile.boot_words = now.image_words;
        tile.probe_index = now.index;
    }
}

// The inputs of tile i while it boots without the network.
void connect_to_image(int i, int image_words) {
    Placed& here = placed[i];
    here.sleeper.wake(*here.tile, cycle);
    boot.step(i, *here.tile, image_words);
    here.given = ~0u;
}

// What the tiles show of what happens in them.
void log_events(svBitVecVal* events, svBitVecVal* tags) {
    for (int i = 0; i < TILES; ++i) {
        const auto* view = reinterpret_cast<const EData*>(&placed[i].tile->view);
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

int number_of(const char* plusarg, int otherwise) {
    const std::string told = Verilated::threadContextp()->commandArgsPlusMatch(plusarg);
    return told.empty() ? otherwise : std::atoi(told.c_str() + std::strlen(plusarg) + 1);
}

}  // namespace

extern "C" void flatmesh_tiles_begin() {
    boot.begin();
    placed.resize(TILES);
    for (int i = 0; i < TILES; ++i) {
        const int x = i % COLUMNS, y = i / COLUMNS;
        const std::string name = "tile_" + std::to_string(x) + "_" + std::to_string(y);
        placed[i].tile = std::make_unique<Vtile>(Verilated::threadContextp(), name.c_str());
        Vtile& tile = *placed[i].tile;
        tile.x = x;
        tile.y = y;
        static_assert(sizeof(Vtile::mesh) == sizeof SHAPE);
        std::memcpy(&tile.mesh, SHAPE, sizeof SHAPE);
        tile.boot_x = BOOT[i].x;
        tile.boot_y = BOOT[i].y;
        tile.boot_edge = BOOT[i].edge;
        shown[i] = look(tile);
    }
    for (int i = 0; i < TILES; ++i) {
        const int x = i % COLUMNS, y = i / COLUMNS;
        const int neighbour[] = {x ? i - 1 : TILES, x + 1 < COLUMNS ? i + 1 : TILES, y ? i - COLUMNS : TILES,
                                 y + 1 < ROWS ? i + COLUMNS : TILES};
        for (int p = 0; p < 4; ++p) {
            placed[i].neighbour[p] = neighbour[p];
            if (neighbour[p] < TILES) placed[i].beyond[p] = placed[neighbour[p]].tile.get();
        }
    }
    use_large_pages(placed);
}

extern "C" void flatmesh_tiles(int control, int address, int image_words, int stall_rate, int stall_seed, int target, int index,
                               const svBitVecVal* request_ready, const svBitVecVal* data_valid, const svBitVecVal* data_payload,
                               int* status, int* probe, svBitVecVal* request_valid, svBitVecVal* data_ready,
                               svBitVecVal* request_payload, svBitVecVal* events, svBitVecVal* tags) {
    // Counters are read once a run has ended, a number in four cycles. From the first that is not number 0 of tile 0 on, time
    // stands still in all tiles but the one that is read: with 1024 tiles it would take hours.
    static bool reading = false;
    static int last = 0;
    const Common now{control, address, image_words, index};
    reading |= target || index;
    std::memset(request_valid, 0, (CHANNELS + 31) / 32 * sizeof *request_valid);
    std::memset(data_ready, 0, (CHANNELS + 31) / 32 * sizeof *data_ready);
    if constexpr (EVENTS) std::memset(events, 0, (TILES * KINDS + 31) / 32 * sizeof *events);
    Vtile& probed = *placed[std::min(target, TILES - 1)].tile;
    if (reading) {
        for (Placed& here : placed) here.sleeper.wake(*here.tile, cycle);
        probed.probe_index = index;
        clock(probed, ~0u);
        *status = last;
        *probe = probed.probe_data;
        return;
    }
    uint32_t all = ~0u, any = 0;
    for (int i = 0; i < TILES; ++i) {
        all &= shown[i];
        any |= shown[i];
    }
    const bool booted = all & BOOTED;
    *status = last = booted | ((all & DONE) != 0) << 1 | ((any & ALIVE) != 0) << 2 | ((any & ERROR) != 0) << 3;
    *probe = probed.probe_data;
    if constexpr (EVENTS) log_events(events, tags);

    stalls.begin(now.run(), stall_rate, stall_seed);
    std::memset(outside, 0, sizeof outside);
    give_common(now);
    const bool direct = boot.on() && !booted;
    if (!direct && stall_rate) connect_stalling();
    for (int c = 0; !direct && c < CHANNELS; ++c)
        connect_channel(c, bit(request_ready, c), bit(data_valid, c), data_payload, request_valid, data_ready, request_payload);

    // Not before the end of reset: a testbench may fork until then.
    static const int threads = number_of("threads=", 1);
    if (!(control & 1)) crew.start(threads);
    const int size = std::max(1, TILES / (16 * threads));
    const auto for_all = [size](auto job) {
        crew.share((TILES + size - 1) / size, [&](uint64_t chunk) {
            const int from = static_cast<int>(chunk) * size, to = std::min(from + size, TILES);
            for (int i = from; i < to; ++i) job(i, i + 1 < to);
        });
    };
    if (direct)
        for_all([image_words](int i, bool) { connect_to_image(i, image_words); });
    else
        for_all(connect);
    for_all(step);
    ++cycle;
}

extern "C" void flatmesh_tiles_end() {
    crew.stop();
    for (Placed& here : placed) here.tile->final();
    placed.clear();
}
