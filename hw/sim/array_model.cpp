// Accumulators and stages of one PE array, see hw/sim/array_model.py. Each call does what one clock edge does, the stages
// from the last to the first, since each takes what the one before it had until then. The arithmetic is that of
// array_arithmetic.h: of the netlist, or of the host.
#include <cstdint>
#include <cstring>

#include "array_shape.h"
#include "svdpi.h"

#include "array_arithmetic.h"

namespace {

using Word = Arithmetic::Word;  // 32 bits of an accumulator

struct ArrayModel {
    Arithmetic arithmetic;
    alignas(64) Word sums[LATENCY][ROWS * COLUMNS] = {};  // on their way to the accumulators
    alignas(64) Word accumulators[ENTRIES][ROWS * COLUMNS] = {};
    int newest = 0, oldest = 0;

    void write(int entry) {
        std::memcpy(accumulators[entry], sums[oldest], sizeof sums[oldest]);
        oldest = (oldest + 1) % LATENCY;
    }
};

thread_local unsigned long changes = 0;

uint32_t half(const svBitVecVal* words, int index) { return words[index / 2] >> (index % 2 * 16) & 0xFFFF; }

}  // namespace

// How often an array has changed in this thread; see native_sleep.h.
extern "C" unsigned long flatmesh_array_changes() { return changes; }

extern "C" void* flatmesh_array_begin() { return new ArrayModel; }

extern "C" void flatmesh_array_end(void* array) { delete static_cast<ArrayModel*>(array); }

// Nothing is on its way any more.
extern "C" void flatmesh_array_reset(void* array) {
    auto& self = *static_cast<ArrayModel*>(array);
    ++changes;
    self.newest = self.oldest = 0;
}

extern "C" void flatmesh_array_slot(void* array, int passing, int formats, int entry, int last_entry, const svBitVecVal* a,
                                    const svBitVecVal* b) {
    auto& self = *static_cast<ArrayModel*>(array);
    ++changes;
    const bool with_a = passing & 1, with_b = passing >> 1 & 1;
    const Stages stages{bool(passing >> 2 & 1), bool(passing >> 3 & 1), bool(passing >> 4 & 1), bool(passing >> 5 & 1)};
    const bool write = passing >> 6 & 1;
    if (self.arithmetic.step(stages, self.accumulators[entry], self.sums[self.newest]))
        self.newest = (self.newest + 1) % LATENCY;
    if (with_b) self.arithmetic.load_b([b](int j) { return half(b, j); }, formats >> 3 & 7);
    if (with_a) self.arithmetic.load_a([a](int i) { return half(a, i); }, formats & 7);
    if (write) self.write(last_entry);
}

extern "C" void flatmesh_array_fill(void* array, int row, int entry, const svBitVecVal* data) {
    auto& self = *static_cast<ArrayModel*>(array);
    ++changes;
    std::memcpy(&self.accumulators[entry][row * COLUMNS], data, COLUMNS * sizeof(Word));
}

extern "C" void flatmesh_array_read(void* array, int row, int entry, svBitVecVal* data) {
    auto& self = *static_cast<ArrayModel*>(array);
    std::memcpy(data, &self.accumulators[entry][row * COLUMNS], COLUMNS * sizeof(Word));
}
