#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "accepted_session.h"
#include "connector.h"
#include "http_body.h"
#include "http_credentials.h"
#include "login.h"

namespace chmtls::gateway
{

/// A client over HTTPS: each request is judged, given the credentials that the server knows, and passed on; one at a time.
class HttpsSession final : public AcceptedSession
{
public:
    explicit HttpsSession(Accepted accepted);
    void drain() override;

private:
    void serve() override { next_request(); }
    void ended() noexcept override;

    // https_session.cpp: requests, one after the other
    void next_request();
    void read_head();
    void judge(const std::string & bytes);
    void pass_on(const std::string & bytes, const RequestHead & head, std::string for_server);
    void answer(int status, const std::string & text);
    Decision decision_on(const HttpOffer & offer);
    /// On the port of a trusted proxy: whose request it is. Empty, or why that is not known.
    std::string take_client(const RequestHead & head);
    bool needs_no_login(const RequestHead & head) const;

    // https_exchange.cpp: one request and its answer
    void reach_server();
    void connected();
    void run_up();
    void run_down();
    bool fill_up();
    bool read_client();
    bool server_ended(Io how);
    bool fill_down();
    bool take_from_server();
    void begin_answer(const AnswerHead & head);
    void watch_client();
    void finished();
    void abort(const std::string & why);

    enum class Flow : uint8_t
    {
        waits,
        goes_on,
        broken,
    };
    /// Writes what is in `out` from `sent` on. `again` is called when the end can be written to.
    template <class Again>
    Flow flush(End & end, std::string & out, size_t & sent, Again again);

    /// A request that is on its way.
    struct Exchange
    {
        std::string head; ///< for the server
        bool body_chunked = false;
        bool to_head = false;
        bool expects_continue = false;
        bool keep_alive = false;
        bool old_client = false; ///< HTTP/1.0
        std::unique_ptr<MessageReader> request;
        std::unique_ptr<AnswerReader> answer;
        std::string up;
        std::string down;
        size_t up_sent = 0;
        size_t down_sent = 0;
        bool up_done = false;
        bool up_broken = false; ///< the server takes no more
        bool answered = false;  ///< the head of the answer is in `down`
        bool answer_chunked = false;
        bool body_begun = false; ///< some of the request's body has gone to the server
        bool reused = false;     ///< the connection to the server had served before
    };

    bool first_ = true;
    bool draining_ = false;
    std::string in_; ///< from the client, not yet used
    std::string from_server_;
    std::unique_ptr<Exchange> exchange_;
    std::shared_ptr<Connector> connector_;
    std::unique_ptr<PlainEnd> server_;
    std::chrono::steady_clock::time_point server_good_until_;
    asio::steady_timer idle_;
    bool watching_ = false;
    bool client_ended_ = false;

    struct Granted
    {
        uint32_t flags;
        std::string user;
        uint64_t generation;
        std::chrono::sys_seconds second;
        Decision decision;
    };
    std::optional<Granted> last_;
    std::vector<std::string> handed_on_;                            ///< the chain that the peer was made of
    std::optional<std::pair<std::string, std::string>> watched_as_; ///< user and rule
};

}
