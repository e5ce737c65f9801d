// The grid of one matrix engine, see hw/sim/grid_model.py: a clock edge of all its registers and memories is a call. What is in
// it is in grid.h: its netlist, or a model.
#include <cstdint>

#include "grid_shape.h"
#include "svdpi.h"

// The inputs of hw.matrix.grid.PeGrid at a clock edge, vectors as words from the lowest on.
struct Inputs {
    bool load_a, load_b, clear;
    unsigned fmt_a, fmt_b, valid;
    int entry, write_entry, read_entry, fill_entry;
    const uint32_t *a, *b, *read, *fill, *fill_data;

    static uint32_t half(const uint32_t* words, int index) { return words[index / 2] >> (index % 2 * 16) & 0xFFFF; }
    static bool bit(const uint32_t* words, int index) { return words[index / 32] >> index % 32 & 1; }
    static bool any(const uint32_t* rows) {
        uint32_t all = 0;
        for (int word = 0; word < (ROWS + 31) / 32; ++word) all |= rows[word];
        return all;
    }
};

#include "grid.h"

static thread_local unsigned long changes = 0;

// How often a grid has changed in this thread; see native_sleep.h.
extern "C" unsigned long flatmesh_grid_changes() { return changes; }

extern "C" void* flatmesh_grid_begin() { return new Grid; }

extern "C" void flatmesh_grid_end(void* grid) { delete static_cast<Grid*>(grid); }

extern "C" void flatmesh_grid_clock(void* grid, int load, int formats, int valid, int clear, int entry, int write_entry,
                                    int read_entry, int fill_entry, const svBitVecVal* a, const svBitVecVal* b,
                                    const svBitVecVal* read, const svBitVecVal* fill, const svBitVecVal* fill_data) {
    ++changes;
    Inputs now;
    now.load_a = load & 1;
    now.load_b = load >> 1 & 1;
    now.fmt_a = formats & 7;
    now.fmt_b = formats >> 3 & 7;
    now.valid = valid;
    now.clear = clear;
    now.entry = entry;
    now.write_entry = write_entry;
    now.read_entry = read_entry;
    now.fill_entry = fill_entry;
    now.a = a;
    now.b = b;
    now.read = read;
    now.fill = fill;
    now.fill_data = fill_data;
    static_cast<Grid*>(grid)->clock(now);
}

extern "C" void flatmesh_grid_show(void* grid, svBitVecVal* read_data) { static_cast<Grid*>(grid)->show(read_data); }
