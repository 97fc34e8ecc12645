#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "settings.h"

namespace chmtls::gateway
{

/// Counts connections, by address and in all. Taken once when a connection comes, and when it goes. Thread-safe.
class Admissions
{
public:
    explicit Admissions(const Limits & limits) : limits_(limits) {}
    Admissions(const Admissions &) = delete;
    Admissions & operator=(const Admissions &) = delete;

    /// A connection's place; given back by the destructor. The object that made it must outlive it.
    class Place
    {
    public:
        Place() = default;
        Place(Place && other) noexcept;
        Place & operator=(Place && other) noexcept;
        ~Place();
        /// It counts as a handshake no more.
        void logged_in() noexcept;
        explicit operator bool() const { return owner_ != nullptr; }

    private:
        friend class Admissions;
        Place(Admissions & owner, std::string address) : owner_(&owner), address_(std::move(address)) {}
        Admissions * owner_ = nullptr;
        std::string address_;
        bool in_handshake_ = true;
    };

    /// `refusal` names the limit, a literal, when the place is empty.
    Place admit(const std::string & address, const char *& refusal);
    void set(const Limits & limits);
    [[nodiscard]] size_t connections() const;

private:
    struct Count
    {
        size_t connections = 0;
        size_t handshakes = 0;
    };
    void give_back(const std::string & address, bool in_handshake) noexcept;
    void handshake_over(const std::string & address) noexcept;

    mutable std::mutex mutex_;
    Limits limits_;
    Count total_;
    std::unordered_map<std::string, Count> by_address_;
};

}
