// Tiles that sleep: a cycle that changes nothing but counters need not be computed again. Part of native_tiles.cpp.
//
// A tile's next state is a function of its state and inputs. Its object is compared before and after a cycle, byte by byte, but
// for its memories and its counters, which nothing but the probe port reads. If two cycles in turn change nothing, with the same
// inputs, no flit offered, and counters that take the same steps, then so will every cycle that follows: memories are read into
// registers and written from them, so what the first of the two wrote has been read by the second. The tile then sleeps, and
// when an input changes its counters take all steps at once. Where tb/library.py does not find what it must know of the
// simulator's class, no tile sleeps.
#include <cstdint>
#include <cstring>

#ifdef FLATMESH_COUNTERS
// The calls that have changed the grid of a matrix engine (grid_model.cpp), whose state is not in the object.
extern "C" __attribute__((weak)) unsigned long flatmesh_grid_changes();

class Sleeper {
  public:
    bool asleep = false;

    // Take a tile through a cycle, `step`, and see whether it sleeps from now on. `idle`: nothing moves in it, no flit is
    // offered to it, and no input has changed.
    template <typename Step>
    void watch(Vtile& tile, bool idle, uint64_t cycle, const Step& step) {
        if (!idle) {
            calm = 0;
            patience = LEAST;
            equal = false;
        }
        if (!idle || ++calm < patience) return step();
        const Layout& layout = layout_of(tile);
        alignas(64) static thread_local char before[sizeof(Vtile___024root)];
        char* object = reinterpret_cast<char*>(tile.rootp);
        const unsigned long changes = grid_changes();
        for (const auto& [at, size] : layout.parts) std::memcpy(before + at, object + at, size);
        step();
        bool same = changes == grid_changes(), as_before = equal;
        for (int k = 0; k < COUNTERS; ++k) {
            const size_t at = layout.counters[k];
            const uint32_t taken = number(object + at) - number(before + at);
            as_before = as_before && taken == steps[k];
            steps[k] = taken;
            std::memcpy(before + at, object + at, sizeof taken);
        }
        for (const auto& [at, size] : layout.parts) same = same && !std::memcmp(before + at, object + at, size);
        equal = same;
        asleep = same && as_before;
        since = cycle;
        if (same) return;
        calm = 0;
        patience = patience < MOST ? 2 * patience : MOST;
    }

    // End its sleep before `cycle`: its counters take the steps of the cycles that it has slept through.
    void wake(Vtile& tile, uint64_t cycle) {
        if (!asleep) return;
        asleep = false;
        const auto slept = static_cast<uint32_t>(cycle - since - 1);
        int k = 0;
#define FLATMESH_TAKE(name) tile.rootp->name += slept * steps[k++];
        FLATMESH_COUNTERS(FLATMESH_TAKE)
    }

  private:
    static constexpr int LEAST = 6, MOST = 64;
    int calm = 0, patience = LEAST;  // idle cycles so far, and how many there must be to watch one
    bool equal = false;              // the last cycle was watched, and changed nothing
    uint64_t since = 0;              // the last cycle that was computed
    uint32_t steps[COUNTERS];

    static unsigned long grid_changes() { return flatmesh_grid_changes ? flatmesh_grid_changes() : 0; }

    static uint32_t number(const char* from) {
        uint32_t value;
        std::memcpy(&value, from, sizeof value);
        return value;
    }
};
#else
class Sleeper {
  public:
    static constexpr bool asleep = false;

    template <typename Step>
    void watch(Vtile&, bool, uint64_t, const Step& step) {
        step();
    }

    void wake(Vtile&, uint64_t) {}
};
#endif
