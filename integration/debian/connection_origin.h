#pragma once

// Whose choice the server of a native connection is: the operator's (clusters, dictionaries, a table's own replicas) or that of
// whoever wrote a statement (remote() and its like). ClickHouse 18.16 forgets that: a connection of its pools knows a host, a
// port and a user, whoever named them. So what is made while the configuration is being obeyed is noted, object by object, and
// what was not noted counts as a statement's.

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace chmtls::debian
{

/// Who named a server.
class NamedBy
{
public:
    /// The configuration, or Keeper for a table's own path.
    static NamedBy configuration() { return NamedBy(std::nullopt); }
    /// A statement of this user; empty: nobody knows whose.
    static NamedBy statement(std::string asker) { return NamedBy(std::move(asker)); }

    /// The user whose statement it is; nothing: no statement.
    const std::optional<std::string> & asker() const noexcept { return asker_; }
    bool nobody_known() const noexcept { return asker_ && asker_->empty(); }

private:
    explicit NamedBy(std::optional<std::string> asker) : asker_(std::move(asker)) {}

    std::optional<std::string> asker_;
};

/// While it lives, this thread makes clusters, pools and connections to servers that were named so. Belongs to its thread.
class OriginScope
{
public:
    explicit OriginScope(NamedBy origin);
    ~OriginScope();
    OriginScope(const OriginScope &) = delete;
    OriginScope & operator=(const OriginScope &) = delete;

    /// Of the innermost scope; without one, a statement of nobody who is known.
    static NamedBy current();

private:
    NamedBy origin_;
    const OriginScope * outer_;
};

/// Who named the servers of the server's own objects, by address. Each kind of object is noted by its constructor, whatever its
/// origin, so that an address that is used again never keeps a former object's. Thread-safe.
class Origins
{
public:
    /// `object` is being constructed.
    void note(const void * object, const NamedBy & origin);

    /// A statement of nobody who is known, unless it was noted otherwise.
    NamedBy of(const void * object) const;

    /// Of this process.
    static Origins & instance();

private:
    mutable std::mutex mutex_;
    std::unordered_map<const void *, NamedBy> known_; // what is of nobody is not kept
};

}
