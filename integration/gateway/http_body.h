#pragma once

// The bodies of HTTP/1 messages and the heads of answers, by Boost.Beast's parser; nothing else here knows Beast.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chmtls::gateway
{

/// Reads one message, as it comes in.
class MessageReader
{
public:
    virtual ~MessageReader() = default;

    /// Takes bytes and returns how many it took: all of them unless the message is complete, or the head is not there in full
    /// (then those that it did not take have to come again, with more behind them). What belongs to the body is appended to
    /// `body`, without its chunks.
    virtual size_t put(std::string_view bytes, std::string & body) = 0;
    /// The peer sends no more.
    virtual void end() = 0;

    [[nodiscard]] virtual bool has_head() const = 0;
    [[nodiscard]] virtual bool complete() const = 0;
    /// Against the protocol, or cut off: an error in Beast's words; empty: none.
    [[nodiscard]] const std::string & fault() const { return fault_; }

protected:
    std::string fault_;
};

/// For a request whose head was read already (parse_request_head): put it again, in full, first.
std::unique_ptr<MessageReader> read_request();

/// An answer's head.
struct AnswerHead
{
    int status = 0;
    std::string reason;
    std::vector<std::pair<std::string, std::string>> fields; ///< without those of the connection and of the framing
    std::optional<uint64_t> length;                          ///< Content-Length
    bool has_body = true;
    bool keep_alive = false;                    ///< as the server says
    std::optional<uint64_t> keep_alive_seconds; ///< of Keep-Alive: timeout=
};

class AnswerReader : public MessageReader
{
public:
    [[nodiscard]] virtual const AnswerHead & head() const = 0;
};

/// `to_head`: the answer to a HEAD request, which has no body whatever its head says.
std::unique_ptr<AnswerReader> read_answer(bool to_head);

/// A chunk of a chunked body around `data`, which is not empty; and the end of such a body.
void append_chunk(std::string & out, std::string_view data);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}
