// Accumulators and arithmetic of one PE array, see hw/sim/functional_array.py. Each call does what one clock edge does, the
// stages from the last to the first, since each takes what the one before it had until then.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "array_shape.h"
#include "svdpi.h"

namespace {

float of_bits(uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

// A number of a storage format, one of 8 bits in the upper byte: E5M2 is a case of FP16.
float decode(uint32_t bits, unsigned format) {
    const uint32_t sign = (bits & 0x8000) << 16;
    if (format == FORMAT_BF16) return of_bits(bits << 16);
    const bool e4m3 = format == FORMAT_E4M3;
    const int places = e4m3 ? 20 : 13, bias = e4m3 ? 7 : 15;
    const uint32_t magnitude = e4m3 ? bits >> 8 & 0x7F : bits & 0x7FFF;
    const uint32_t shifted = magnitude << places;
    if (e4m3 ? magnitude == 0x7F : magnitude > 0x7C00) return of_bits(CANONICAL_NAN);
    if (!e4m3 && magnitude == 0x7C00) return of_bits(sign | 0x7F800000);
    if (shifted < 1u << 23) {  // subnormal: in FP32 it is not
        const float value = static_cast<float>(magnitude) * of_bits((127 + 1 - bias - (23 - places)) << 23);
        return sign ? -value : value;
    }
    return of_bits(sign | (shifted + (static_cast<uint32_t>(127 - bias) << 23)));
}

struct FunctionalArray {
    float a[ROWS] = {}, b[COLUMNS] = {};
    float products[ROWS][COLUMNS] = {};
    float sums[LATENCY][ROWS][COLUMNS] = {};  // on their way to the accumulators
    float accumulators[ENTRIES][ROWS][COLUMNS] = {};
    int newest = 0, oldest = 0;

    // Round to nearest even, gradual underflow, canonical NaN.
    void add(bool clear, int entry) {
        static const float zeros[ROWS][COLUMNS] = {};
        const auto& from = clear ? zeros : accumulators[entry];
        for (int i = 0; i < ROWS; ++i)
            for (int j = 0; j < COLUMNS; ++j) {
                const float sum = from[i][j] + products[i][j];
                sums[newest][i][j] = sum != sum ? of_bits(CANONICAL_NAN) : sum;
            }
        newest = (newest + 1) % LATENCY;
    }

    // Exact, but below 2^-126 a zero of its sign.
    void multiply() {
        for (int i = 0; i < ROWS; ++i)
            for (int j = 0; j < COLUMNS; ++j) {
                const float product = a[i] * b[j];
                products[i][j] = std::fabs(product) < 0x1p-126f ? std::copysign(0.0f, product) : product;
            }
    }

    void write(int entry) {
        std::memcpy(accumulators[entry], sums[oldest], sizeof sums[oldest]);
        oldest = (oldest + 1) % LATENCY;
    }
};

uint32_t half(const svBitVecVal* words, int index) { return words[index / 2] >> (index % 2 * 16) & 0xFFFF; }

}  // namespace

extern "C" void* flatmesh_array_begin() { return new FunctionalArray; }

extern "C" void flatmesh_array_end(void* array) { delete static_cast<FunctionalArray*>(array); }

// Nothing is on its way any more.
extern "C" void flatmesh_array_reset(void* array) {
    auto& self = *static_cast<FunctionalArray*>(array);
    self.newest = self.oldest = 0;
}

extern "C" void flatmesh_array_slot(void* array, int passing, int formats, int entry, int last_entry, const svBitVecVal* a,
                                    const svBitVecVal* b) {
    auto& self = *static_cast<FunctionalArray*>(array);
    const bool write = passing >> 5 & 1, clear = passing >> 4 & 1, add = passing >> 3 & 1, multiply = passing >> 2 & 1;
    if (add) self.add(clear, entry);
    if (multiply) self.multiply();
    if (passing & 2)
        for (int j = 0; j < COLUMNS; ++j) self.b[j] = decode(half(b, j), formats >> 3 & 7);
    if (passing & 1)
        for (int i = 0; i < ROWS; ++i) self.a[i] = decode(half(a, i), formats & 7);
    if (write) self.write(last_entry);
}

extern "C" void flatmesh_array_fill(void* array, int row, int entry, const svBitVecVal* data) {
    auto& self = *static_cast<FunctionalArray*>(array);
    std::memcpy(self.accumulators[entry][row], data, sizeof self.accumulators[entry][row]);
}

extern "C" void flatmesh_array_read(void* array, int row, int entry, svBitVecVal* data) {
    auto& self = *static_cast<FunctionalArray*>(array);
    std::memcpy(data, self.accumulators[entry][row], sizeof self.accumulators[entry][row]);
}
