// The threads that share the work of a cycle. Part of native_tiles.cpp.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

// Does a job for every chunk of tiles, each once. The calling thread takes part, and waits for no thread that has taken nothing:
// where cores are busy with something else it does all of it.
class Crew {
  public:
    ~Crew() { stop(); }

    void start(int threads) {
        for (int i = static_cast<int>(all.size()) + 1; i < threads; ++i) all.emplace_back([this] { work(); });
    }

    void stop() {
        {
            std::lock_guard<std::mutex> guard(lock);
            stopped = true;
        }
        woken.notify_all();
        for (auto& thread : all) thread.join();
        all.clear();
    }

    // Call job(k) for k from 0 to chunks - 1.
    template <typename Job>
    void share(uint64_t chunks, const Job& job) {
        if (all.empty()) {
            for (uint64_t k = 0; k < chunks; ++k) job(k);
            return;
        }
        call = [](const void* what, uint64_t k) { (*static_cast<const Job*>(what))(k); };
        argument = &job;
        first = limit.load(std::memory_order_relaxed);
        const uint64_t end = first + chunks;
        limit.store(end);
        if (sleeping.load()) {
            std::lock_guard<std::mutex> guard(lock);
            woken.notify_all();
        }
        take();
        for (int turn = 0; finished.load(std::memory_order_acquire) != end; ++turn) pause(turn);
    }

  private:
    static constexpr int SPIN = 4000;
    std::vector<std::thread> all;
    std::mutex lock;
    std::condition_variable woken;
    bool stopped = false;
    void (*call)(const void*, uint64_t) = nullptr;
    const void* argument = nullptr;
    uint64_t first = 0;
    // Chunks are numbered through the whole run: those below `limit` may be taken, those below `next` have been.
    alignas(64) std::atomic<uint64_t> limit{0};
    alignas(64) std::atomic<uint64_t> next{0};
    alignas(64) std::atomic<uint64_t> finished{0};
    alignas(64) std::atomic<int> sleeping{0};

    static void pause(int turn) {
        if (turn < SPIN)
            __builtin_ia32_pause();
        else
            std::this_thread::yield();
    }

    // Do chunks until none is left. A number is taken once, so what was set before it was allowed is what its job is.
    void take() {
        uint64_t number = next.load(std::memory_order_relaxed);
        while (number < limit.load(std::memory_order_acquire)) {
            if (!next.compare_exchange_weak(number, number + 1)) continue;
            call(argument, number - first);
            finished.fetch_add(1, std::memory_order_release);
            ++number;
        }
    }

    void work() {
        while (true) {
            take();
            for (int turn = 0; turn < SPIN && next.load() >= limit.load(); ++turn) __builtin_ia32_pause();
            if (next.load() < limit.load()) continue;
            std::unique_lock<std::mutex> guard(lock);
            sleeping.fetch_add(1);
            woken.wait(guard, [this] { return stopped || next.load() < limit.load(); });
            sleeping.fetch_sub(1);
            if (stopped) return;
        }
    }
};
