#pragma once

// A thread with its event loop, and the sessions that it serves.

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>

#include "asio.h"
#include "relay.h"

namespace chmtls::gateway
{

struct Site;

/// A connection of a client, from its accept to its end. Kept alive by what it waits for. Its worker's thread only.
class Session : public std::enable_shared_from_this<Session>
{
public:
    virtual ~Session() = default;
    /// Once.
    virtual void start() = 0;
    /// Ends it now. `reason` is for the log, and for the client where the protocol has a place for it.
    virtual void end(const std::string & reason) = 0;
    /// The gateway ends: so does the session, as soon as nothing is under way.
    virtual void drain() = 0;
    /// A name leads elsewhere, in lower case; empty: any may. Ends what is connected to an address that is no longer its own.
    virtual void host_moved(const std::string & host) { static_cast<void>(host); }
    /// Another configuration is in force: ends what would not be let in by it, as far as the module does not see to that.
    virtual void settings_changed(const Site & now) { static_cast<void>(now); }
};

class Worker
{
public:
    explicit Worker(uint16_t index) : index_(index) {}
    ~Worker() { stop(); }
    Worker(const Worker &) = delete;
    Worker & operator=(const Worker &) = delete;

    void start();
    /// Ends the thread, and with it every session. Idempotent.
    void stop();

    /// Any thread.
    template <class Task>
    void post(Task && task)
    {
        asio::post(io_, std::forward<Task>(task));
    }
    [[nodiscard]] size_t load() const { return load_.load(std::memory_order_relaxed); }

    // What follows: the worker's own thread.

    asio::io_context & io() { return io_; }
    Scratch & scratch() { return scratch_; }

    /// Known by its token until remove. Tokens are never 0 and never given twice.
    uint64_t add(const std::shared_ptr<Session> & session);
    void remove(uint64_t token);
    [[nodiscard]] std::shared_ptr<Session> find(uint64_t token) const;
    [[nodiscard]] std::vector<std::shared_ptr<Session>> sessions() const;

    /// The index of the worker that gave a token.
    static size_t index_of(uint64_t token) { return static_cast<size_t>(token >> 48); }

    /// One session more, from the moment it is handed over until this goes.
    class Seat
    {
    public:
        explicit Seat(Worker & worker) : worker_(&worker) { worker.load_.fetch_add(1, std::memory_order_relaxed); }
        Seat(Seat && other) noexcept : worker_(std::exchange(other.worker_, nullptr)) {}
        Seat & operator=(Seat && other) noexcept
        {
            std::swap(worker_, other.worker_);
            return *this;
        }
        ~Seat()
        {
            if (worker_ != nullptr)
                worker_->load_.fetch_sub(1, std::memory_order_relaxed);
        }

    private:
        Worker * worker_;
    };

private:
    void run();

    const uint16_t index_;
    // In front of the loop, whose end ends the last sessions.
    std::atomic<size_t> load_{0};
    uint64_t last_ = 0;
    std::unordered_map<uint64_t, std::weak_ptr<Session>> sessions_;
    Scratch scratch_{};
    asio::io_context io_{1};
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::thread thread_;
};

}
