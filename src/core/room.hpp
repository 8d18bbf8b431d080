// Memory for kernels, and the sizes of matrices that they take.
#pragma once

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstddef>
#include <cstdint>
#include <memory>

namespace frechet {

constexpr std::ptrdiff_t largest_matrix = 64;  // rows; a block of larger ones does not fit into the caches
constexpr std::ptrdiff_t largest_system = 64;  // unknowns of a linear matrix equation

// Memory for a kernel, which it lays out itself.
class Room {
public:
    explicit Room(std::size_t bytes) : data_(new char[bytes]) {
#ifdef __linux__
        // in large pages, as NumPy asks for them, too: a tenth of the page faults
        constexpr std::uintptr_t page = 4096;
        auto start = (reinterpret_cast<std::uintptr_t>(data_.get()) + page - 1) / page * page;
        if (bytes >= 1 << 22) madvise(reinterpret_cast<void*>(start), bytes - page, MADV_HUGEPAGE);
#endif
    }
    void* get() const { return data_.get(); }

private:
    std::unique_ptr<char[]> data_;
};

}  // namespace frechet
