#include "http_body.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "http_head.h"

namespace chmtls::gateway
{
namespace
{

namespace http = boost::beast::http;
using ErrorCode = boost::beast::error_code;

/// A modern server writes a header line for each step of a query that takes long, all of them in front of the answer.
constexpr uint32_t max_answer_head = 16 << 20;

std::string_view view(boost::beast::string_view text)
{
    return {text.data(), text.size()};
}

/// What both kinds of messages have in common. Interface: MessageReader or AnswerReader.
template <bool is_request, class Interface>
class Reader : public Interface, protected http::basic_parser<is_request>
{
    using Parser = http::basic_parser<is_request>;

public:
    Reader()
    {
        this->eager(true);
        // Not boost::none: Beast 1.74 takes that for a limit of nothing.
        this->body_limit(std::numeric_limits<uint64_t>::max());
        this->header_limit(is_request ? max_head_bytes : max_answer_head);
    }

    size_t put(std::string_view bytes, std::string & body) final
    {
        body_ = &body;
        size_t used = 0;
        while (used < bytes.size() && !this->is_done() && Interface::fault().empty())
        {
            ErrorCode error;
            const auto taken = Parser::put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), error);
            used += taken;
            if (error == http::error::need_more)
                break;
            note(error);
        }
        return used;
    }

    void end() final
    {
        ErrorCode error;
        std::string nothing;
        body_ = &nothing;
        if (!this->is_done())
            this->put_eof(error);
        note(error);
        if (!this->is_done() && Interface::fault().empty())
            this->fault_ = "the message is cut off";
    }

    [[nodiscard]] bool has_head() const final { return this->is_header_done(); }
    [[nodiscard]] bool complete() const final { return this->is_done(); }

protected:
    void on_request_impl(http::verb, boost::beast::string_view, boost::beast::string_view, int, ErrorCode &) override {}
    void on_response_impl(int, boost::beast::string_view, int, ErrorCode &) override {}
    void on_field_impl(http::field, boost::beast::string_view, boost::beast::string_view, ErrorCode &) override {}
    void on_header_impl(ErrorCode &) override {}
    void on_body_init_impl(boost::optional<uint64_t> const &, ErrorCode &) override {}
    void on_chunk_header_impl(uint64_t, boost::beast::string_view, ErrorCode &) override {}
    void on_finish_impl(ErrorCode &) override {}

    size_t on_body_impl(boost::beast::string_view data, ErrorCode & error) override
    {
        error = {};
        body_->append(data.data(), data.size());
        return data.size();
    }

    size_t on_chunk_body_impl(uint64_t, boost::beast::string_view data, ErrorCode & error) override
    {
        error = {};
        body_->append(data.data(), data.size());
        return data.size();
    }

private:
    void note(const ErrorCode & error)
    {
        if (error && error != http::error::need_more)
            this->fault_ = error.message();
    }

    std::string * body_ = nullptr;
};

class RequestReader final : public Reader<true, MessageReader>
{
};

constexpr std::array<std::string_view, 7> connection_fields{"connection", "keep-alive",        "proxy-connection", "te",
                                                            "trailer",    "transfer-encoding", "content-length"};

std::optional<uint64_t> number_in(std::string_view text)
{
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

class ResponseReader final : public Reader<false, AnswerReader>
{
public:
    explicit ResponseReader(bool to_head)
    {
        this->skip(to_head);
        to_head_ = to_head;
    }

    [[nodiscard]] const AnswerHead & head() const override { return head_; }

private:
    void on_response_impl(int status, boost::beast::string_view reason, int, ErrorCode & error) override
    {
        error = {};
        head_.status = status;
        head_.reason = view(reason);
    }

    void on_field_impl(http::field, boost::beast::string_view name, boost::beast::string_view value, ErrorCode & error) override
    {
        error = {};
        const auto folded = folded_name(view(name));
        constexpr std::string_view timeout = "timeout=";
        if (folded == "content-length")
            head_.length = number_in(view(value));
        if (folded == "keep-alive" && view(value).starts_with(timeout))
        {
            const auto rest = view(value).substr(timeout.size());
            head_.keep_alive_seconds = number_in(rest.substr(0, rest.find(',')));
        }
        if (std::find(connection_fields.begin(), connection_fields.end(), folded) == connection_fields.end())
            head_.fields.emplace_back(view(name), view(value));
    }

    void on_header_impl(ErrorCode & error) override
    {
        error = {};
        head_.keep_alive = this->keep_alive();
        const auto status = head_.status;
        head_.has_body = !to_head_ && status / 100 != 1 && status != 204 && status != 304;
    }

    AnswerHead head_;
    bool to_head_ = false;
};

}

std::unique_ptr<MessageReader> read_request()
{
    return std::make_unique<RequestReader>();
}

std::unique_ptr<AnswerReader> read_answer(bool to_head)
{
    return std::make_unique<ResponseReader>(to_head);
}

void append_chunk(std::string & out, std::string_view data)
{
    std::array<char, 16> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), data.size(), 16);
    static_cast<void>(error);
    out.append(digits.data(), end).append("\r\n").append(data).append("\r\n");
}

}
