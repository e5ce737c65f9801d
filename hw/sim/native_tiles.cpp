// The tiles of a mesh as objects of one compiled tile; see hw/sim/native.py. Called once a cycle, at the falling clock edge:
// hands back what the tiles show now, then takes all of them through the next rising edge.
#include <cstring>
#include <memory>
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

struct Tiles {
    std::unique_ptr<VerilatedContext> context;
    std::vector<std::unique_ptr<Vtile>> all;

    Tiles() {
        VerilatedContext* const top = Verilated::threadContextp();
        context = std::make_unique<VerilatedContext>();
        for (int i = 0; i < TILES; ++i) {
            all.push_back(std::make_unique<Vtile>(context.get(), ""));
            Vtile& tile = *all.back();
            tile.x = i % COLUMNS;
            tile.y = i / COLUMNS;
            tile.boot_x = BOOT[i].x;
            tile.boot_y = BOOT[i].y;
            tile.boot_edge = BOOT[i].edge;
            tile.clk = 0;
            tile.eval();
        }
        Verilated::threadContextp(top);
    }
};

// A link of a network from port `out` of one tile to port `in` of its neighbour. A payload matters while it is valid.
#define PORT(net, way, index, member) net##_##way##___05F##index##___05F##member
#define LINK(net, out, in, source, sink)                                            \
    do {                                                                            \
        (sink).PORT(net, i, in, valid) = (source).PORT(net, o, out, valid);         \
        (source).PORT(net, o, out, ready) = (sink).PORT(net, i, in, ready);         \
        if ((source).PORT(net, o, out, valid))                                      \
            (sink).PORT(net, i, in, payload) = (source).PORT(net, o, out, payload); \
    } while (0)
#define LINKS(out, in, source, sink)         \
    do {                                     \
        LINK(data, out, in, source, sink);    \
        LINK(request, out, in, source, sink); \
        LINK(reduce, out, in, source, sink);  \
    } while (0)

// Both ends of all links between neighbours. Ports: 0 west, 1 east, 2 south, 3 north.
void connect(std::vector<std::unique_ptr<Vtile>>& all) {
    for (int i = 0; i < TILES; ++i) {
        if (i % COLUMNS + 1 < COLUMNS) {
            LINKS(1, 0, *all[i], *all[i + 1]);
            LINKS(0, 1, *all[i + 1], *all[i]);
        }
        if (i / COLUMNS + 1 < ROWS) {
            LINKS(3, 2, *all[i], *all[i + COLUMNS]);
            LINKS(2, 3, *all[i + COLUMNS], *all[i]);
        }
    }
}

bool bit(const svBitVecVal* words, int index) { return words[index / 32] >> index % 32 & 1; }

void set(svBitVecVal* words, int index, bool value) { words[index / 32] |= svBitVecVal{value} << index % 32; }

#define CHANNEL_END(port)                                                                       \
    case port:                                                                                  \
        set(request_valid, c, tile.PORT(request, o, port, valid));                              \
        set(data_ready, c, tile.PORT(data, i, port, ready));                                    \
        tile.PORT(request, o, port, ready) = bit(request_ready, c);                             \
        tile.PORT(data, i, port, valid) = bit(data_valid, c);                                   \
        std::memcpy(request_payload + c * request_words, &tile.PORT(request, o, port, payload), \
                    sizeof(tile.PORT(request, o, port, payload)));                              \
        std::memcpy(&tile.PORT(data, i, port, payload), data_payload + c * data_words,          \
                    sizeof(tile.PORT(data, i, port, payload)));                                 \
        break

}  // namespace

extern "C" void flatmesh_tiles(int control, int address, int image_words, int target, int index, const svBitVecVal* request_ready,
                               const svBitVecVal* data_valid, const svBitVecVal* data_payload, int* status, int* probe,
                               svBitVecVal* request_valid, svBitVecVal* data_ready, svBitVecVal* request_payload, svBitVecVal* events,
                               svBitVecVal* tags) {
    static Tiles tiles;
    constexpr size_t request_words = sizeof(Vtile::request_o___05F0___05Fpayload) / 4;
    constexpr size_t data_words = sizeof(Vtile::data_i___05F0___05Fpayload) / 4;
    constexpr int flags = (CHANNELS + 31) / 32;
    std::memset(request_valid, 0, 4 * flags);
    std::memset(data_ready, 0, 4 * flags);

    bool booted = true, done = true, alive = false, error = false;
    for (auto& tile : tiles.all) {
        booted &= tile->booted;
        done &= tile->done;
        alive |= tile->alive;
        error |= tile->error;
    }
    *status = booted | done << 1 | alive << 2 | error << 3;
    *probe = tiles.all[target < TILES ? target : TILES - 1]->probe_data;
    if constexpr (EVENTS) {
        std::memset(events, 0, (TILES * KINDS + 31) / 32 * 4);
        for (int i = 0; i < TILES; ++i) {
            const auto* view = reinterpret_cast<const EData*>(&tiles.all[i]->view);
            for (int kind = 0; kind < KINDS; ++kind) {
                const int at = EVENT_OFFSET + kind * EVENT_STRIDE;
                if (!(view[(at + VALID) / 32] >> (at + VALID) % 32 & 1)) continue;
                set(events, i * KINDS + kind, true);
                unsigned char tag = 0;
                for (int b = 0; b < 8; ++b) tag |= (view[(at + TAG + b) / 32] >> (at + TAG + b) % 32 & 1) << b;
                reinterpret_cast<unsigned char*>(tags)[i * KINDS + kind] = tag;
            }
        }
    }

    connect(tiles.all);
    for (int c = 0; c < CHANNELS; ++c) {
        Vtile& tile = *tiles.all[CHANNEL[c].tile];
        switch (CHANNEL[c].port) {
            CHANNEL_END(0);
            CHANNEL_END(1);
            CHANNEL_END(2);
            CHANNEL_END(3);
        }
    }
    for (int i = 0; i < TILES; ++i) {
        Vtile& tile = *tiles.all[i];
        tile.rst = control & 1;
        tile.run = control >> 1 & 1;
        tile.stop = control >> 2 & 1;
        tile.expired = control >> 3 & 1;
        tile.boot_address = address + BOOT[i].turn * image_words;
        tile.boot_words = image_words;
        tile.probe_index = index;
        tile.clk = 1;
        tile.eval();
#ifdef FLATMESH_ONE_EVAL
        tile.rootp->__Vtrigprevexpr___TOP__clk__0 = 0;
#else
        tile.clk = 0;
        tile.eval();
#endif
    }
}
