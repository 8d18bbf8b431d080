// Memory for fine grids, kept for the next call: first touching fresh pages takes longer than a Fourier transform.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace frechet {

// Blocks that were given back.  All calls are made while Python's lock is held.
class Workspaces {
public:
    struct Block {
        void* data;
        std::size_t bytes;
    };

    // A block of at least so many bytes; data is null where there is no memory.
    Block take(std::size_t bytes) {
        std::size_t best = free_.size();
        for (std::size_t k = 0; k < free_.size(); ++k)
            if (free_[k].bytes >= bytes && free_[k].bytes <= 2 * bytes + page &&
                (best == free_.size() || free_[k].bytes < free_[best].bytes))
                best = k;
        if (best < free_.size()) {
            Block block = free_[best];
            free_.erase(free_.begin() + std::ptrdiff_t(best));
            kept_ -= block.bytes;
            return block;
        }
        std::size_t unit = bytes < huge_page ? page : huge_page;
        std::size_t rounded = (bytes + unit - 1) / unit * unit;
        void* data = rounded < bytes ? nullptr : std::aligned_alloc(unit, rounded ? rounded : unit);
#if defined(__linux__)
        if (data != nullptr && unit == huge_page) madvise(data, rounded, MADV_HUGEPAGE);
#endif
        return {data, rounded ? rounded : unit};
    }

    void give_back(Block block) {
        if (block.bytes > most_kept) {
            std::free(block.data);
            return;
        }
        while (kept_ + block.bytes > most_kept) {  // the oldest first
            kept_ -= free_.front().bytes;
            std::free(free_.front().data);
            free_.erase(free_.begin());
        }
        free_.push_back(block);
        kept_ += block.bytes;
    }

    void clear() {
        for (Block block : free_) std::free(block.data);
        free_.clear();
        kept_ = 0;
    }

    std::size_t kept() const { return kept_; }

private:
    static constexpr std::size_t page = 4096, huge_page = std::size_t(1) << 21;
    static constexpr std::size_t most_kept = std::size_t(1) << 30;
    std::vector<Block> free_;
    std::size_t kept_ = 0;
};

}  // namespace frechet
