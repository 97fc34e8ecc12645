#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/bytes.h"

namespace chmtls
{

/// Bytes in libsodium guarded memory (guard pages, locked, excluded from core dumps, wiped when freed). Movable, not copyable,
/// never printed. Throws std::bad_alloc when the memory cannot be had.
class SecretBytes
{
public:
    SecretBytes() = default;
    explicit SecretBytes(size_t size);
    explicit SecretBytes(ByteView bytes); ///< copies; the caller wipes its own copy
    SecretBytes(SecretBytes && other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
    SecretBytes & operator=(SecretBytes && other) noexcept
    {
        data_ = std::move(other.data_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }
    ~SecretBytes() = default;

    /// Gives up what lies behind `size` bytes (it stays guarded and is wiped with the rest); never grows.
    void shrink(size_t size) { size_ = size < size_ ? size : size_; }

    [[nodiscard]] ByteView view() const { return {data_.get(), size_}; }
    [[nodiscard]] std::span<uint8_t> mutable_view() { return {data_.get(), size_}; }
    [[nodiscard]] size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }

private:
    struct Free
    {
        void operator()(uint8_t * data) const noexcept;
    };
    std::unique_ptr<uint8_t, Free> data_;
    size_t size_ = 0;
};

/// Wipes memory in a way that the compiler does not remove.
void wipe(std::span<uint8_t> bytes) noexcept;

/// Wipes a text when the scope ends, by an exception too. What it holds by then is wiped: it must not have grown meanwhile.
class WipedAtEnd
{
public:
    explicit WipedAtEnd(std::string & text) noexcept : text_(text) {}
    ~WipedAtEnd() { wipe({reinterpret_cast<uint8_t *>(text_.data()), text_.size()}); }
    WipedAtEnd(const WipedAtEnd &) = delete;
    WipedAtEnd & operator=(const WipedAtEnd &) = delete;

private:
    std::string & text_;
};

}
