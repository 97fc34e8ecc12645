#pragma once

#include <memory>

#include "admin/requests.h"

#include "base/log_level.h"

namespace chmtls::admin
{

/// Called on the server's thread.
using Log = std::function<void(LogLevel, const std::string &)>;

/// Answers requests on a Unix-domain socket of mode 0600, one after the other, on a thread of its own. Only root and the
/// process's own effective user are answered, whatever the file's mode says; a request and its answer have 5 s. A socket that
/// nobody listens to any more is replaced, any other file or a socket that is in use is left alone; what cannot be made is tried
/// again. Thread-safe.
class Server
{
public:
    Server(Requests requests, Log log);
    ~Server();
    Server(const Server &) = delete;
    Server & operator=(const Server &) = delete;

    /// Where to listen from now on; empty: nowhere.
    void listen_at(const std::string & path);

    /// Ends the thread and removes the socket. After the return no handler runs, and listen_at does nothing.
    void stop();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}
