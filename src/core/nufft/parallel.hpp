// Threads for the length of a call: nothing stays behind that a fork or a second caller could trip over.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace frechet {

// Calls work(thread) on so many threads, this one among them; the first exception is thrown on.
template <class Work>
void on_threads(int count, Work&& work) {
    if (count <= 1) return work(0);
    std::vector<std::exception_ptr> errors(std::size_t(count), nullptr);
    auto guarded = [&](int thread) {
        try {
            work(thread);
        } catch (...) {
            errors[std::size_t(thread)] = std::current_exception();
        }
    };
    std::vector<std::thread> others;
    try {
        for (int thread = 1; thread < count; ++thread) others.emplace_back(guarded, thread);
    } catch (...) {  // the system gives no more threads: the items are shared out, so fewer will do
        if (others.empty()) errors[0] = nullptr;
    }
    guarded(0);
    for (std::thread& other : others) other.join();
    for (std::exception_ptr& error : errors)
        if (error) std::rethrow_exception(error);
}

// Shares out items: each call of `next` gives another one, until it gives `count`.
class Items {
public:
    explicit Items(std::ptrdiff_t count) : count_(count) {}
    std::ptrdiff_t next() {
        std::ptrdiff_t item = next_.fetch_add(1, std::memory_order_relaxed);
        return item < count_ ? item : count_;
    }
    std::ptrdiff_t count() const { return count_; }

private:
    std::ptrdiff_t count_;
    std::atomic<std::ptrdiff_t> next_{0};
};

// Calls work(thread, item) for every item.
template <class Work>
void share(int threads, std::ptrdiff_t count, Work&& work) {
    Items items(count);
    on_threads(threads < count ? threads : int(count > 0 ? count : 1), [&](int thread) {
        for (std::ptrdiff_t item = items.next(); item < items.count(); item = items.next()) work(thread, item);
    });
}

// Held for the time of an addition to a few rows of a grid.
class SpinLock {
public:
    void lock() {
        while (flag_.exchange(true, std::memory_order_acquire))
            while (flag_.load(std::memory_order_relaxed)) std::this_thread::yield();
    }
    void unlock() { flag_.store(false, std::memory_order_release); }

private:
    std::atomic<bool> flag_{false};
};

}  // namespace frechet
