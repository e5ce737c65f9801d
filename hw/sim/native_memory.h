// Where the state of the tiles is, and how it gets into the caches in time. Part of native_tiles.cpp; all of it is left out where
// tb/library.py does not find what it must know of the simulator's class.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <sys/mman.h>

#ifdef FLATMESH_COUNTERS
#define FLATMESH_ONE(name) +1
constexpr int COUNTERS = FLATMESH_COUNTERS(FLATMESH_ONE);

// Where things are in an object.
struct Layout {
    std::vector<size_t> counters;
    std::vector<std::pair<size_t, size_t>> parts;  // offset and size of all that is not a memory, in order

    explicit Layout(const Vtile& tile) {
        const auto& root = *tile.rootp;
        const char* start = reinterpret_cast<const char*>(&root);
#define FLATMESH_AT(name) counters.push_back(reinterpret_cast<const char*>(&root.name) - start);
        FLATMESH_COUNTERS(FLATMESH_AT)
        size_t at = 0;
#define FLATMESH_SKIP(name)                                                       \
    {                                                                             \
        const size_t memory = reinterpret_cast<const char*>(&root.name) - start; \
        if (memory > at) parts.emplace_back(at, memory - at);                     \
        at = memory + sizeof root.name;                                           \
    }
        FLATMESH_MEMORIES(FLATMESH_SKIP)
        parts.emplace_back(at, sizeof root - at);
    }
};

inline const Layout& layout_of(const Vtile& tile) {
    static const Layout layout(tile);
    return layout;
}

// Fetch most of what a tile will touch into the second cache: what is before its first memory.
inline void prefetch(const Vtile& tile) {
    const char* object = reinterpret_cast<const char*>(tile.rootp);
    const size_t size = layout_of(tile).parts.front().second;
    for (size_t line = 0; line < size; line += 64) __builtin_prefetch(object + line, 0, 2);
}

// Large pages for what is touched in every cycle, where the system has them.
template <typename Tiles>
void use_large_pages(const Tiles& tiles) {
    constexpr uintptr_t PAGE = 2 << 20;
    uintptr_t from = UINTPTR_MAX, to = 0;
    for (const auto& placed : tiles) {
        from = std::min(from, reinterpret_cast<uintptr_t>(placed.tile->rootp));
        to = std::max(to, reinterpret_cast<uintptr_t>(placed.tile->rootp + 1));
    }
    from = (from + PAGE - 1) / PAGE * PAGE;
    to = to / PAGE * PAGE;
    if (from >= to) return;
    madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);
    constexpr int COLLAPSE = 25;  // MADV_COLLAPSE, which older headers lack: now, not some day
    madvise(reinterpret_cast<void*>(from), to - from, COLLAPSE);
}
#else
inline void prefetch(const Vtile&) {}

template <typename Tiles>
void use_large_pages(const Tiles&) {}
#endif
