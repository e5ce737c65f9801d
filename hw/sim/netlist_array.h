// The arithmetic of a PE array by the netlists of its factors and PEs, all copies at a time (hw/sim/lanes.py). Part of
// array_model.cpp.
#include "array_lanes.h"

struct Arithmetic {
    using Word = uint32_t;
    FactorsA factors_a;
    FactorsB factors_b;
    Pes pes;

    template <typename Bits>
    void load_a(Bits bits, unsigned format) {
        load(factors_a, bits, format, ROWS);
        for (int i = 0; i < ROWS; ++i)
            for (int j = 0; j < COLUMNS; ++j) {
                const int k = i * COLUMNS + j;
                pes.a__significand[k] = factors_a.o__significand[i];
                pes.a__head[k] = factors_a.o__head[i];
                pes.a__nan[k] = factors_a.o__nan[i];
                pes.a__infinite[k] = factors_a.o__infinite[i];
                pes.a__zero[k] = factors_a.o__zero[i];
            }
    }

    template <typename Bits>
    void load_b(Bits bits, unsigned format) {
        load(factors_b, bits, format, COLUMNS);
        for (int i = 0; i < ROWS; ++i) {
            const int k = i * COLUMNS;
            std::memcpy(&pes.b__significand[k], factors_b.o__significand, COLUMNS * sizeof(uint32_t));
            std::memcpy(&pes.b__head[k], factors_b.o__head, COLUMNS * sizeof(uint32_t));
            std::memcpy(&pes.b__nan[k], factors_b.o__nan, COLUMNS * sizeof(uint32_t));
            std::memcpy(&pes.b__infinite[k], factors_b.o__infinite, COLUMNS * sizeof(uint32_t));
            std::memcpy(&pes.b__zero[k], factors_b.o__zero, COLUMNS * sizeof(uint32_t));
        }
    }

    // Returns whether there are sums.
    bool step(Stages stages, const Word* accumulators, Word* sums) {
        pes.multiply = stages.multiply;
        pes.add = stages.add;
        pes.round = stages.round;
        if (stages.round) {
            pes.show();
            std::memcpy(sums, pes.result, ROWS * COLUMNS * sizeof(Word));
        }
        if (stages.add && stages.clear) std::memset(pes.accumulator, 0, ROWS * COLUMNS * sizeof(Word));
        if (stages.add && !stages.clear) std::memcpy(pes.accumulator, accumulators, ROWS * COLUMNS * sizeof(Word));
        if (stages.multiply || stages.add) pes.clock();
        return stages.round;
    }

    template <typename Factors, typename Bits>
    static void load(Factors& factors, Bits bits, unsigned format, int count) {
        for (int i = 0; i < count; ++i) factors.bits[i] = bits(i);
        factors.fmt = format;
        factors.load = 1;
        factors.clock();
        factors.show();
    }
};
