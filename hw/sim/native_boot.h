// Boot without the network: before the start every tile is handed its image at its own ports, all tiles at the same time.
// Part of native_tiles.cpp. What a tile then holds is what it holds after a boot over the network; see tb/mesh.py.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

struct DirectBoot {
    std::vector<char> images;        // in the order of the tiles
    std::vector<int> sent;           // words of each tile
    std::vector<bool> asked;         // it has requested its image

    // Take the images that the simulation is told of, if it is.
    void begin() {
        const std::string told = Verilated::threadContextp()->commandArgsPlusMatch("images=");
        if (told.empty()) return;
        if (std::FILE* file = std::fopen(told.c_str() + std::strlen("+images="), "rb")) {
            for (int c; (c = std::getc(file)) != EOF;) images.push_back(static_cast<char>(c));
            std::fclose(file);
        }
        sent.assign(COLUMNS * ROWS, 0);
        asked.assign(COLUMNS * ROWS, false);
    }

    bool on() const { return !images.empty(); }

    // One cycle of a tile: what comes to its ports is its image, and what leaves them goes nowhere. The image comes in where
    // it would come in from its channel, as the last thing that its router has seen.
    template <typename Tile>
    void step(int i, Tile& tile, int words) {
        const int x = i % COLUMNS, y = i / COLUMNS;
        const Boot& from = BOOT[i];
        const int port = y > from.y ? 2 : y < from.y ? 3 : x > from.x ? 0 : x < from.x ? 1 : from.edge;
#define BOOT_PORT(p)                                                                                \
    asked[i] = asked[i] || tile.PORT(request, o, p, valid);                                         \
    tile.PORT(request, o, p, ready) = 1;                                                            \
    tile.PORT(data, o, p, ready) = tile.PORT(reduce, o, p, ready) = 0;                              \
    tile.PORT(request, i, p, valid) = tile.PORT(reduce, i, p, valid) = 0;                           \
    tile.PORT(data, i, p, valid) = p == port && asked[i] && sent[i] < words;                        \
    if (tile.PORT(data, i, p, valid)) {                                                             \
        flit(&tile.PORT(data, i, p, payload), sizeof tile.PORT(data, i, p, payload), i, sent[i], words); \
        sent[i] += tile.PORT(data, i, p, ready);                                                    \
    }
        BOOT_PORT(0)
        BOOT_PORT(1)
        BOOT_PORT(2)
        BOOT_PORT(3)
#undef BOOT_PORT
    }

    // Word number `word` of the image as a flit, whose first bits are the word.
    void flit(void* payload, size_t size, int i, int word, int words) const {
        std::vector<uint32_t> bits((size + 3) / 4, 0);
        std::memcpy(bits.data(), &images[(size_t(i) * words + word) * WORD_BYTES], WORD_BYTES);
        const uint32_t x = i % COLUMNS, y = i / COLUMNS;
        const uint32_t values[] = {x, y, x, y, PROGRAM_KIND, static_cast<uint32_t>(word)};
        for (int field = 0; field < 6; ++field)
            for (int b = 0; values[field] >> b; ++b)
                bits[(FLIT_FIELD[field] + b) / 32] |= (values[field] >> b & 1) << (FLIT_FIELD[field] + b) % 32;
        std::memcpy(payload, bits.data(), size);
    }
};
