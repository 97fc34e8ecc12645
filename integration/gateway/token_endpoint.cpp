#include "token_endpoint.h"

#include <array>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "farewell.h"
#include "http_head.h"
#include "log.h"

namespace chmtls::gateway
{
namespace
{

constexpr size_t max_open = 1000;
constexpr std::chrono::milliseconds limit{5000};
constexpr std::chrono::milliseconds pause_after_failure{100};
constexpr size_t max_question = 16 << 10;

std::string answer(const char * status, std::string_view body)
{
    return std::string("HTTP/1.1 ")
        .append(status)
        .append("\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n\r\n")
        .append(body);
}

}

bool decode_basic(std::string_view authorization, std::string & user, std::string & password)
{
    constexpr std::string_view scheme = "basic ";
    if (authorization.size() < scheme.size() || folded_name(authorization.substr(0, scheme.size())) != scheme)
        return false;
    authorization.remove_prefix(scheme.size());
    if (authorization.empty() || authorization.size() % 4 != 0 || authorization.size() > max_question)
        return false;
    std::string decoded(authorization.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(
        reinterpret_cast<unsigned char *>(decoded.data()), reinterpret_cast<const unsigned char *>(authorization.data()),
        static_cast<int>(authorization.size()));
    if (size < 0)
        return false;
    size_t padding = 0;
    while (padding < 2 && authorization[authorization.size() - 1 - padding] == '=')
        ++padding;
    decoded.resize(static_cast<size_t>(size) - padding);
    const auto colon = decoded.find(':');
    if (colon == std::string::npos)
        return false;
    user = decoded.substr(0, colon);
    password = decoded.substr(colon + 1);
    OPENSSL_cleanse(decoded.data(), decoded.size());
    return true;
}

/// One connection, one question.
class TokenEndpoint::Question : public std::enable_shared_from_this<Question>
{
public:
    Question(TokenEndpoint & endpoint, tcp::socket socket)
        : endpoint_(endpoint), end_(std::make_unique<PlainEnd>(std::move(socket))), deadline_(endpoint.io_)
    {
        ++endpoint_.open_;
    }
    ~Question()
    {
        --endpoint_.open_;
        OPENSSL_cleanse(head_.data(), head_.size());
    }
    Question(const Question &) = delete;
    Question & operator=(const Question &) = delete;

    void start()
    {
        deadline_.expires_after(limit);
        deadline_.async_wait(
            [self = shared_from_this(), this](const ErrorCode & error)
            {
                if (!error && end_ != nullptr)
                    end_->close();
            });
        read();
    }

private:
    void read()
    {
        std::array<uint8_t, 4096> piece{};
        for (;;)
        {
            const auto moved = end_->read(piece);
            if (moved.state == Io::wants_read)
                return wait();
            if (moved.state != Io::done)
                break;
            head_.append(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(moved.bytes));
            if (head_size(head_) != 0)
                return reply();
            if (head_.size() > max_question)
                break;
        }
        deadline_.cancel();
    }

    void wait()
    {
        end_->socket().async_wait(
            tcp::socket::wait_read,
            [self = shared_from_this(), this](const ErrorCode & error)
            {
                if (!error)
                    read();
            });
    }

    void reply()
    {
        deadline_.cancel();
        Farewell::say(std::move(end_), is_good() ? answer("200 OK", R"({"settings":{}})") : answer("403 Forbidden", "{}"), limit);
    }

    bool is_good()
    {
        const auto parsed = parse_request_head(std::string_view(head_).substr(0, head_size(head_)));
        if (!parsed.head)
            return false;
        std::string user;
        std::string password;
        size_t given = 0;
        for (const auto & [name, value] : parsed.head->fields)
            if (folded_name(name) == "authorization" && ++given == 1 && !decode_basic(value, user, password))
                return false;
        const bool good = given == 1 && endpoint_.tokens_.redeem(user, password, Tokens::Clock::now());
        OPENSSL_cleanse(password.data(), password.size());
        return good;
    }

    TokenEndpoint & endpoint_;
    std::unique_ptr<End> end_;
    asio::steady_timer deadline_;
    std::string head_;
};

TokenEndpoint::~TokenEndpoint()
{
    io_.stop();
    if (thread_.joinable())
        thread_.join();
}

void TokenEndpoint::start(const HostPort & at)
{
    const tcp::endpoint endpoint(asio::ip::make_address(at.host), at.port);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen();
    accept();
    thread_ = std::thread([this] { io_.run(); });
}

void TokenEndpoint::accept()
{
    acceptor_.async_accept(
        [this](const ErrorCode & error, tcp::socket socket)
        {
            if (error)
            {
                say(Level::error, "cannot accept a question about a token: " + error.message());
                std::this_thread::sleep_for(pause_after_failure); // for want of descriptors; others need time to end
            }
            else if (open_ < max_open)
            {
                ErrorCode ignored;
                socket.non_blocking(true, ignored);
                std::make_shared<Question>(*this, std::move(socket))->start();
            }
            accept();
        });
}

}
