#pragma once

// Whose the queries of a connection are. A query that comes from another node runs with the rights of the user who asked for it
// there.

#include <exception>
#include <optional>
#include <string>

#include "behalf/asker.h"
#include "behalf/client_info.h"

namespace chmtls::debian
{

class Adapter;
class ConnectionScope;

/// While it lives, a peer's own words are read on this thread: an address in them is not looked up.
class PeersWords
{
public:
    PeersWords() noexcept;
    ~PeersWords();
    PeersWords(const PeersWords &) = delete;
    PeersWords & operator=(const PeersWords &) = delete;

    static bool are_read() noexcept;
};

/// What is known of the query that a connection runs, or a statement ON CLUSTER. Not thread-safe: belongs to its thread.
class QueryOwner
{
public:
    /// A query begins, and nothing is known of it.
    void begin() noexcept;

    void judged() noexcept { judged_ = true; }
    /// The query must not run: `why` is thrown where it would.
    void refused(std::exception_ptr why) noexcept;
    bool is_judged() const noexcept { return judged_; }
    /// Throws what it was refused for.
    void throw_if_refused() const;

    /// Who asked for it, as far as is known: the first statement that the server lists tells; the others are made by it.
    void asked_by(const ClientInfo & info);
    const std::optional<Asker> & asker() const noexcept { return asker_; }

private:
    bool judged_ = false;
    std::exception_ptr refusal_;
    std::optional<Asker> asker_;
};

/// The owner of what this thread runs for somebody, or null: on a thread of the server's own.
QueryOwner * current_owner() noexcept;

/// While it lives, this thread runs for somebody without a connection.
class WithoutConnection
{
public:
    explicit WithoutConnection(QueryOwner & owner) noexcept;
    ~WithoutConnection();
    WithoutConnection(const WithoutConnection &) = delete;
    WithoutConnection & operator=(const WithoutConnection &) = delete;
};

/// A native query was announced, and `info`, in the context that it will run in, says what the peer says of it. The module
/// judges; the context is given to the user whose query it is, before the settings that come with the query are read. Refused, it
/// is noted: what comes with the query has to be read all the same.
void judge_announced(Adapter & adapter, ConnectionScope & scope, ClientInfo & info) noexcept;

/// The query is about to run. Throws what the server answers to a client when it must not.
void judge_before_run(Adapter & adapter, ConnectionScope & scope, DB::Context & context);

/// Gives the context to a user, as if that one had logged in from there by certificate: databases, settings, quota. Throws the
/// server's own exception when there is no such user here or it may not come from there.
void run_as(DB::Context & context, const Asker & asker, const Poco::Net::SocketAddress & address);

}
