// PEs and decoders of factors by their netlists, all copies at a time (hw/sim/lanes.py). Part of grid_model.cpp.
#include <cstring>

#include "grid_lanes.h"

struct Grid {
    FactorsA a;
    FactorsB b;
    Pes pes;

    void clock(const Inputs& now) {
        pes.valid = now.valid;
        pes.clear = now.clear;
        pes.entry = now.entry;
        pes.write_entry = now.write_entry;
        pes.read_entry = now.read_entry;
        pes.fill_entry = now.fill_entry;
        pes.ask = Inputs::any(now.read);
        if (pes.ask || asked) to_rows(pes.read, now.read);
        asked = pes.ask;
        const bool fill = Inputs::any(now.fill);
        if (fill || filled) to_rows(pes.fill, now.fill);
        filled = fill;
        if (fill)
            for (int i = 0; i < ROWS; ++i) std::memcpy(&pes.fill_data[i * COLUMNS], now.fill_data, COLUMNS * sizeof(uint32_t));
        pes.clock();
        // What PEs take from factors is what these had before the edge: so they come after.
        if (now.load_a) {
            load(a, now.a, now.fmt_a, ROWS);
            for (int i = 0; i < ROWS; ++i)
                for (int j = 0; j < COLUMNS; ++j) hand(i, i * COLUMNS + j);
        }
        if (now.load_b) {
            load(b, now.b, now.fmt_b, COLUMNS);
            for (int i = 0; i < ROWS; ++i) hand_all(i * COLUMNS);
        }
    }

    // The row that was asked last, of which every other PE shows zeros.
    void show(uint32_t* data) {
        pes.show();
        std::memset(data, 0, COLUMNS * sizeof(uint32_t));
        for (int i = 0; i < ROWS; ++i)
            for (int j = 0; j < COLUMNS; ++j) data[j] |= pes.read_data[i * COLUMNS + j];
    }

  private:
    bool asked = false, filled = false;  // whether these inputs of the PEs are not 0

    static void to_rows(uint32_t* pes, const uint32_t* rows) {
        for (int i = 0; i < ROWS; ++i)
            for (int j = 0; j < COLUMNS; ++j) pes[i * COLUMNS + j] = Inputs::bit(rows, i);
    }

    template <typename Factors>
    static void load(Factors& factors, const uint32_t* bits, unsigned format, int count) {
        for (int i = 0; i < count; ++i) factors.bits[i] = Inputs::half(bits, i);
        factors.fmt = format;
        factors.load = 1;
        factors.clock();
        factors.show();
    }

    // Factor a of row i to PE k.
    void hand(int i, int k) {
        pes.a__significand[k] = a.o__significand[i];
        pes.a__head[k] = a.o__head[i];
        pes.a__nan[k] = a.o__nan[i];
        pes.a__infinite[k] = a.o__infinite[i];
        pes.a__zero[k] = a.o__zero[i];
    }

    // Factors b to the row of PEs from k on.
    void hand_all(int k) {
        std::memcpy(&pes.b__significand[k], b.o__significand, COLUMNS * sizeof(uint32_t));
        std::memcpy(&pes.b__head[k], b.o__head, COLUMNS * sizeof(uint32_t));
        std::memcpy(&pes.b__nan[k], b.o__nan, COLUMNS * sizeof(uint32_t));
        std::memcpy(&pes.b__infinite[k], b.o__infinite, COLUMNS * sizeof(uint32_t));
        std::memcpy(&pes.b__zero[k], b.o__zero, COLUMNS * sizeof(uint32_t));
    }
};
