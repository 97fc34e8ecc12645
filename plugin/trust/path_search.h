#pragma once

// The paths that a chain and the authorities allow (RFC 4158), for OpenSSL to verify one by one. By itself OpenSSL picks an
// issuer by its name and key identifier and stays with it, so the order in which a peer sends its certificates would decide.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "openssl/certificate.h"

namespace chmtls::trust
{

/// What judging one chain may cost. A peer chooses how many certificates there are, how they sign each other and with what keys,
/// so what is counted is the work: one unit is about what a signature of P-256 takes to verify, a tenth of a millisecond.
class WorkBudget
{
public:
    explicit WorkBudget(uint64_t units) : left_(units) {}
    /// False: there is not so much left, and the work must not be done.
    [[nodiscard]] bool spend(uint64_t units);
    [[nodiscard]] bool overdrawn() const { return overdrawn_; } ///< has work been left undone?

private:
    uint64_t left_;
    bool overdrawn_ = false;
};

/// Of verifying one signature with the key of this certificate.
[[nodiscard]] uint64_t signature_cost(const openssl::Certificate & issuer);

/// An authority that is known here.
struct KnownAuthority
{
    openssl::Certificate certificate;
    bool ends_paths;
};

class PathSearch
{
public:
    struct Input
    {
        const openssl::Certificate & leaf;
        std::span<const openssl::Certificate> sent;
        std::vector<KnownAuthority> known{}; ///< as many as the chain can reach
        int purpose;                         ///< X509_PURPOSE_..., 0: any
        size_t depth;                        ///< at most so many signing certificates between leaf and anchor
        UnixTime at;
    };

    /// Finds out who has signed whom, beginning with the authorities: nobody's key is used before one of them vouches for it.
    PathSearch(const Input & input, WorkBudget & budget);

    /// Calls `try_path` with each path, leaf ... anchor, the most promising first, until it says that it has seen enough. No path
    /// holds two certificates of one name and key: what lies between them could only forbid.
    void each(const std::function<bool(const std::vector<openssl::Certificate> & path)> & try_path);

private:
    struct Node
    {
        openssl::Certificate certificate;
        bool ends_paths = false;
        size_t defects = 0; ///< that every path through it shares
        size_t bearer = 0;  ///< the same for all certificates of one name and key
        std::vector<size_t> issuers{};
    };

    void add(const openssl::Certificate & certificate, bool ends_paths);
    void find_issuers();
    [[nodiscard]] bool extend(const std::function<bool(const std::vector<openssl::Certificate> & path)> & try_path);
    [[nodiscard]] bool report(const std::function<bool(const std::vector<openssl::Certificate> & path)> & try_path);

    int purpose_;
    size_t depth_;
    UnixTime at_;
    WorkBudget & budget_;
    std::vector<Node> nodes_; ///< the leaf first
    std::vector<size_t> path_;
    size_t steps_ = 0;
};

}
