// The links between tiles: how bits pass from one tile's outputs to its neighbours' inputs. Part of native_tiles.cpp.
//
// What a tile shows is one word, and so is what it is given: bit 4n + p is a valid of network n at port p, bit 12 + 4n + p a
// ready. Networks: 0 data, 1 request, 2 reduce. Ports: 0 west, 1 east, 2 south, 3 north; a link goes to port p ^ 1.
#include <cstdint>
#include <cstring>
#include <vector>

constexpr uint32_t PORT_BITS = 0x111111, LINK_BITS = 0xFFFFFF, VALID_BITS = 0xFFF;
// And above: what is asked of all tiles every cycle.
enum Shown : uint32_t { BOOTED = 1u << 24, DONE = 1u << 25, ALIVE = 1u << 26, ERROR = 1u << 27 };

#define PORT(net, way, index, member) net##_##way##___05F##index##___05F##member
#define ON_PORTS(DO, net, n) DO(net, n, 0) DO(net, n, 1) DO(net, n, 2) DO(net, n, 3)
#define ON_LINKS(DO) ON_PORTS(DO, data, 0) ON_PORTS(DO, request, 1) ON_PORTS(DO, reduce, 2)

// What the tile shows.
inline uint32_t look(const Vtile& tile) {
    uint32_t word = tile.booted << 24 | tile.done << 25 | tile.alive << 26 | tile.error << 27;
#define LOOK(net, n, p)                              \
    word |= tile.PORT(net, o, p, valid) << (4 * n + p); \
    word |= tile.PORT(net, i, p, ready) << (12 + 4 * n + p);
    ON_LINKS(LOOK)
#undef LOOK
    return word;
}

// Give the tile the bits of a word.
inline void give(Vtile& tile, uint32_t word) {
#define GIVE(net, n, p)                                    \
    tile.PORT(net, i, p, valid) = word >> (4 * n + p) & 1; \
    tile.PORT(net, o, p, ready) = word >> (12 + 4 * n + p) & 1;
    ON_LINKS(GIVE)
#undef GIVE
}

// Payloads that neighbours offer: a payload matters only while it is valid. `beyond` is the neighbour at each port, or none.
inline void give_payloads(Vtile& tile, uint32_t word, Vtile* const* beyond) {
#define PAYLOAD(net, n, p, q) \
    if (word >> (4 * n + p) & 1 && beyond[p]) tile.PORT(net, i, p, payload) = beyond[p]->PORT(net, o, q, payload);
#define PAYLOADS(net, n) PAYLOAD(net, n, 0, 1) PAYLOAD(net, n, 1, 0) PAYLOAD(net, n, 2, 3) PAYLOAD(net, n, 3, 2)
    PAYLOADS(data, 0)
    PAYLOADS(request, 1)
    PAYLOADS(reduce, 2)
#undef PAYLOADS
#undef PAYLOAD
}

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

    // The three links from port `out` of one tile to port `out` ^ 1 of its neighbour: from the words that both show to the words
    // that they are given.
    void pass(int out, uint32_t source, uint32_t sink, uint32_t& to_source, uint32_t& to_sink) {
        for (int n = 0; n < 3; ++n) {
            bool valid, ready;
            pass(source >> (4 * n + out) & 1, sink >> (12 + 4 * n + (out ^ 1)) & 1, valid, ready);
            to_sink |= uint32_t{valid} << (4 * n + (out ^ 1));
            to_source |= uint32_t{ready} << (12 + 4 * n + out);
        }
    }
};
