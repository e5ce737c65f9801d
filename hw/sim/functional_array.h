// The arithmetic of a PE array by the host's floating point. Part of array_model.cpp.
#include <cmath>

inline float of_bits(uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

struct Arithmetic {
    using Word = float;
    float a[ROWS] = {}, b[COLUMNS] = {};
    float products[ROWS][COLUMNS] = {};

    template <typename Bits>
    void load_a(Bits bits, unsigned format) {
        for (int i = 0; i < ROWS; ++i) a[i] = decode(bits(i), format);
    }

    template <typename Bits>
    void load_b(Bits bits, unsigned format) {
        for (int j = 0; j < COLUMNS; ++j) b[j] = decode(bits(j), format);
    }

    // Returns whether there are sums.
    bool step(Stages stages, const Word* accumulators, Word* sums) {
        if (stages.add) add(stages.clear, accumulators, sums);
        if (stages.multiply) multiply();
        return stages.add;
    }

    // A number of a storage format, one of 8 bits in the upper byte: E5M2 is a case of FP16.
    static float decode(uint32_t bits, unsigned format) {
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

    // Round to nearest even, gradual underflow, canonical NaN.
    void add(bool clear, const Word* accumulators, Word* sums) {
        static const float zeros[ROWS * COLUMNS] = {};
        const float* from = clear ? zeros : accumulators;
        for (int i = 0; i < ROWS; ++i)
            for (int j = 0; j < COLUMNS; ++j) {
                const float sum = from[i * COLUMNS + j] + products[i][j];
                sums[i * COLUMNS + j] = sum != sum ? of_bits(CANONICAL_NAN) : sum;
            }
    }

    // Exact, but below 2^-126 a zero of its sign.
    void multiply() {
        for (int i = 0; i < ROWS; ++i)
            for (int j = 0; j < COLUMNS; ++j) {
                const float product = a[i] * b[j];
                products[i][j] = std::fabs(product) < 0x1p-126f ? std::copysign(0.0f, product) : product;
            }
    }
};
