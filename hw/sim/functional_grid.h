// A model of PEs and decoders of factors: the host's floating point. Part of grid_model.cpp.
#include <cmath>
#include <cstring>

inline float of_bits(uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

struct Grid {
    static constexpr int PES = ROWS * COLUMNS, ADDED = 1;  // the stage of a slot that is added
    float a[ROWS] = {}, b[COLUMNS] = {};
    alignas(64) float products[PES] = {};
    alignas(64) float sums[LATENCY - 1][PES] = {};  // on their way to the accumulators
    alignas(64) float accumulators[ENTRIES][PES] = {};
    uint32_t shown[COLUMNS] = {};

    // What each stage takes is what the one before it had: so the last comes first.
    void clock(const Inputs& now) {
        const auto in = [&now](int stage) { return now.valid >> stage & 1; };
        if (Inputs::any(now.read)) read(now);
        alignas(64) float added[PES];
        if (in(ADDED)) add(now.clear, accumulators[now.entry], added);
        if (in(LATENCY)) std::memcpy(accumulators[now.write_entry], sums[LATENCY - 2], sizeof added);
        for (int n = LATENCY - 2; n > 0; --n)
            if (in(ADDED + n)) std::memcpy(sums[n], sums[n - 1], sizeof added);
        if (in(ADDED)) std::memcpy(sums[0], added, sizeof added);
        if (in(0)) multiply();
        for (int i = 0; now.load_a && i < ROWS; ++i) a[i] = decode(Inputs::half(now.a, i), now.fmt_a);
        for (int j = 0; now.load_b && j < COLUMNS; ++j) b[j] = decode(Inputs::half(now.b, j), now.fmt_b);
        for (int i = 0; i < ROWS; ++i)
            if (Inputs::bit(now.fill, i)) std::memcpy(&accumulators[now.fill_entry][i * COLUMNS], now.fill_data, sizeof shown);
    }

    void show(uint32_t* data) { std::memcpy(data, shown, sizeof shown); }

  private:
    void read(const Inputs& now) {
        std::memset(shown, 0, sizeof shown);
        for (int i = 0; i < ROWS; ++i) {
            if (!Inputs::bit(now.read, i)) continue;
            uint32_t row[COLUMNS];
            std::memcpy(row, &accumulators[now.read_entry][i * COLUMNS], sizeof row);
            for (int j = 0; j < COLUMNS; ++j) shown[j] |= row[j];
        }
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
    void add(bool clear, const float* accumulated, float* added) {
        static const float zeros[PES] = {};
        const float* from = clear ? zeros : accumulated;
        for (int k = 0; k < PES; ++k) {
            const float sum = from[k] + products[k];
            added[k] = sum != sum ? of_bits(CANONICAL_NAN) : sum;
        }
    }

    // Exact, but below 2^-126 a zero of its sign.
    void multiply() {
        for (int i = 0; i < ROWS; ++i)
            for (int j = 0; j < COLUMNS; ++j) {
                const float product = a[i] * b[j];
                products[i * COLUMNS + j] = std::fabs(product) < 0x1p-126f ? std::copysign(0.0f, product) : product;
            }
    }
};
