// Load on whatever ends mutual TLS in front of ClickHouse's native port, and the server behind it. One thread each, epoll.
//
//   tls_load sink PORT
//       A server in plain text that takes a native client's first packet, answers "0", and does what the client's name says:
//       bench-close, bench-echo (each byte back), bench-take (drops what comes), bench-give-N (sends N bytes).
//   tls_load handshakes|latency|upload|download|idle PORT CA CERTIFICATE KEY SECONDS CONNECTIONS
//       As a client with a certificate, TLS 1.3, no resumption. Prints one line of JSON: what was done, in how many seconds, and
//       the parameters that were negotiated.
//
// A connection counts when the server's answer was there: under TLS 1.3 a client is through before it has been judged.

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace
{

using Clock = std::chrono::steady_clock;

constexpr size_t piece_size = 64 << 10;
constexpr uint64_t bulk_bytes = uint64_t{256} << 20;

struct FreeContext
{
    void operator()(SSL_CTX * context) const { SSL_CTX_free(context); }
};
struct FreeSsl
{
    void operator()(SSL * ssl) const { SSL_free(ssl); }
};

class Descriptor
{
public:
    explicit Descriptor(int value) : value_(value)
    {
        if (value < 0)
            throw std::runtime_error(std::string("no descriptor: ") + std::strerror(errno));
    }
    ~Descriptor() { ::close(value_); }
    Descriptor(const Descriptor &) = delete;
    Descriptor & operator=(const Descriptor &) = delete;
    [[nodiscard]] int get() const { return value_; }

private:
    int value_;
};

sockaddr_in loopback(uint16_t port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void no_delay(int descriptor)
{
    const int one = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void watch(int epoll, int operation, int descriptor, uint32_t events, void * what)
{
    epoll_event event{};
    event.events = events;
    event.data.ptr = what;
    if (::epoll_ctl(epoll, operation, descriptor, &event) != 0)
        throw std::runtime_error(std::string("epoll_ctl: ") + std::strerror(errno));
}

std::string text(const std::string & value)
{
    return std::string(1, static_cast<char>(value.size())) + value; // shorter than 128 bytes
}

/// What clickhouse-client 18.16 begins with; the client's name says what the sink has to do.
std::string hello(const std::string & what)
{
    return std::string(1, '\0') + text(what) + "\x12\x10" + std::string("\x8c\xa9\x03", 3) + text("") + text("bench") + text("");
}

// ---- the server behind ----

struct Served
{
    explicit Served(int descriptor) : socket(descriptor) {}

    Descriptor socket;
    std::string first;
    enum class Does : uint8_t
    {
        nothing_yet,
        closes,
        echoes,
        takes,
        gives,
    } does = Does::nothing_yet;
    uint64_t left = 0;
    std::string waiting;
};

/// The name of the client, when the whole packet is there.
bool first_packet(const std::string & bytes, std::string & name)
{
    size_t at = 1;
    const auto take_number = [&]
    {
        while (at < bytes.size() && (bytes[at] & 0x80) != 0)
            ++at;
        return at++ < bytes.size();
    };
    const auto take_text = [&](std::string & value)
    {
        size_t size = 0;
        for (unsigned shift = 0; at < bytes.size() && shift < 28; shift += 7)
        {
            const auto byte = static_cast<uint8_t>(bytes[at++]);
            size |= static_cast<size_t>(byte & 0x7F) << shift;
            if ((byte & 0x80) != 0)
                continue;
            if (bytes.size() - at < size)
                return false;
            value = bytes.substr(at, size);
            at += size;
            return true;
        }
        return false;
    };
    std::string rest;
    return bytes.size() > 1 && take_text(name) && take_number() && take_number() && take_number() && take_text(rest)
           && take_text(rest) && take_text(rest);
}

void begin(Served & served, const std::string & name)
{
    served.waiting = std::string(1, '\0');
    const std::string gives = "bench-give-";
    served.does = name == "bench-close"     ? Served::Does::closes
                  : name == "bench-echo"    ? Served::Does::echoes
                  : name.starts_with(gives) ? Served::Does::gives
                                            : Served::Does::takes;
    if (served.does == Served::Does::gives)
        served.left = std::strtoull(name.c_str() + gives.size(), nullptr, 10);
}

/// False: it has ended.
bool serve(Served & served)
{
    static std::array<char, piece_size> piece;
    for (;;)
    {
        const auto got = ::recv(served.socket.get(), piece.data(), piece.size(), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        if (got < 0)
            break;
        const std::string bytes(piece.data(), static_cast<size_t>(got));
        if (served.does == Served::Does::echoes)
            served.waiting += bytes;
        if (served.does != Served::Does::nothing_yet)
            continue;
        served.first += bytes;
        std::string name;
        if (first_packet(served.first, name))
            begin(served, name);
    }
    for (;;)
    {
        if (served.waiting.empty() && served.left > 0)
        {
            served.waiting.assign(std::min<uint64_t>(piece_size, served.left), 'x');
            served.left -= served.waiting.size();
        }
        if (served.waiting.empty())
            return true;
        const auto sent = ::send(served.socket.get(), served.waiting.data(), served.waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN;
        served.waiting.erase(0, static_cast<size_t>(sent));
    }
}

int sink(uint16_t port)
{
    const Descriptor listening(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int one = 1;
    ::setsockopt(listening.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    const auto address = loopback(port);
    if (::bind(listening.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0
        || ::listen(listening.get(), 4096) != 0)
        throw std::runtime_error(std::string("cannot listen: ") + std::strerror(errno));
    const Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
    watch(epoll.get(), EPOLL_CTL_ADD, listening.get(), EPOLLIN, nullptr);
    std::array<epoll_event, 256> events{};
    for (;;)
    {
        const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i)
        {
            auto * const served = static_cast<Served *>(events[static_cast<size_t>(i)].data.ptr);
            if (served != nullptr)
            {
                if (!serve(*served))
                    delete served; // NOLINT: epoll holds it
                continue;
            }
            int descriptor = 0;
            while ((descriptor = ::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
            {
                no_delay(descriptor);
                watch(epoll.get(), EPOLL_CTL_ADD, descriptor, EPOLLIN | EPOLLOUT | EPOLLET, new Served(descriptor));
            }
        }
    }
}

// ---- the clients ----

enum class Does : uint8_t
{
    handshakes,
    latency,
    upload,
    download,
    idle,
};

struct Totals
{
    uint64_t connections = 0;
    uint64_t failed = 0;
    uint64_t bytes = 0;
    uint64_t rounds = 0;
    std::vector<double> microseconds;
    std::string negotiated;
    std::string failure;
};

class Client
{
public:
    Client(SSL_CTX * context, int epoll, uint16_t port, Does does, Totals & totals)
        : does_(does), totals_(totals), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
          ssl_(SSL_new(context))
    {
        no_delay(socket_.get());
        const auto address = loopback(port);
        if (::connect(socket_.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0 && errno != EINPROGRESS)
            throw std::runtime_error(std::string("cannot connect: ") + std::strerror(errno));
        SSL_set_fd(ssl_.get(), socket_.get());
        SSL_set_connect_state(ssl_.get());
        SSL_set_tlsext_host_name(ssl_.get(), "localhost");
        SSL_set1_host(ssl_.get(), "localhost");
        const auto give = "bench-give-" + std::to_string(bulk_bytes);
        out_ = hello(
            does == Does::latency    ? "bench-echo"
            : does == Does::upload   ? "bench-take"
            : does == Does::download ? give
                                     : "bench-close");
        watch(epoll, EPOLL_CTL_ADD, socket_.get(), EPOLLIN | EPOLLOUT | EPOLLET, this);
    }

    /// False: it is done, or has failed.
    bool step()
    {
        while (true)
        {
            ERR_clear_error();
            const int result = out_.empty() ? read() : write();
            if (result > 0)
            {
                if (!more())
                    return false;
                continue;
            }
            const int why = SSL_get_error(ssl_.get(), result);
            if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
                return true;
            note_failure();
            return false;
        }
    }

private:
    int write() { return SSL_write(ssl_.get(), out_.data(), static_cast<int>(out_.size())); }

    int read()
    {
        static std::array<char, piece_size> piece;
        const int got = SSL_read(ssl_.get(), piece.data(), static_cast<int>(piece.size()));
        if (got > 0)
            got_ = static_cast<size_t>(got);
        return got;
    }

    /// After a successful call. False: done.
    bool more()
    {
        if (!out_.empty())
        {
            if (answered_ && does_ == Does::upload)
                totals_.bytes += out_.size();
            else
                out_.clear();
            return true;
        }
        if (!answered_)
        {
            answered_ = true;
            ++totals_.connections;
            if (totals_.negotiated.empty())
                note_parameters();
            if (does_ == Does::handshakes)
            {
                SSL_shutdown(ssl_.get());
                return false;
            }
            --got_;
        }
        else if (does_ == Does::latency)
        {
            const std::chrono::duration<double, std::micro> took = Clock::now() - asked_;
            totals_.microseconds.push_back(took.count());
            ++totals_.rounds;
        }
        if (does_ == Does::latency)
        {
            out_ = std::string(40, 'q');
            asked_ = Clock::now();
        }
        if (does_ == Does::upload)
            out_.assign(piece_size, 'x');
        if (does_ != Does::download)
            return true;
        totals_.bytes += got_;
        received_ += got_;
        return received_ < bulk_bytes;
    }

    void note_failure()
    {
        ++totals_.failed;
        const auto code = ERR_peek_last_error();
        const char * const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
        if (totals_.failure.empty())
            totals_.failure = reason == nullptr ? "the connection ended" : reason;
    }

    void note_parameters()
    {
        auto * const certificate = SSL_get1_peer_certificate(ssl_.get());
        const auto * const key = X509_get0_pubkey(certificate);
        const int group = static_cast<int>(SSL_get_negotiated_group(ssl_.get()));
        totals_.negotiated.append(SSL_get_version(ssl_.get()))
            .append(" ")
            .append(SSL_get_cipher_name(ssl_.get()))
            .append(" ")
            .append(SSL_group_to_name(ssl_.get(), group))
            .append(", server key ")
            .append(EVP_PKEY_get0_type_name(key))
            .append(SSL_session_reused(ssl_.get()) == 1 ? ", resumed" : ", full")
            .append(
                SSL_get_certificate(ssl_.get()) != nullptr && SSL_get_signature_type_nid(ssl_.get(), &signature_) == 1
                    ? ", client certificate shown"
                    : ", no client certificate");
        X509_free(certificate);
    }

    const Does does_;
    Totals & totals_;
    Descriptor socket_;
    std::unique_ptr<SSL, FreeSsl> ssl_;
    std::string out_;
    size_t got_ = 0;
    uint64_t received_ = 0;
    bool answered_ = false;
    int signature_ = 0;
    Clock::time_point asked_;
};

std::unique_ptr<SSL_CTX, FreeContext> make_context(const char * authority, const char * certificate, const char * key)
{
    std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set1_groups_list(context.get(), "X25519");
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(
        context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_load_verify_file(context.get(), authority) != 1
        || SSL_CTX_use_certificate_chain_file(context.get(), certificate) != 1
        || SSL_CTX_use_PrivateKey_file(context.get(), key, SSL_FILETYPE_PEM) != 1)
        throw std::runtime_error("certificate, key or authority cannot be read");
    return context;
}

double percentile(std::vector<double> & values, double part)
{
    if (values.empty())
        return 0;
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

void print(Totals & totals, double seconds, double own)
{
    std::printf(
        "{\"seconds\": %.3f, \"own_cpu\": %.3f, \"connections\": %llu, \"failed\": %llu, \"bytes\": %llu, \"rounds\": %llu, "
        "\"p50\": %.1f, "
        "\"p99\": %.1f, \"negotiated\": \"%s\", \"failure\": \"%s\"}\n",
        seconds, own, static_cast<unsigned long long>(totals.connections), static_cast<unsigned long long>(totals.failed),
        static_cast<unsigned long long>(totals.bytes), static_cast<unsigned long long>(totals.rounds),
        percentile(totals.microseconds, 0.5), percentile(totals.microseconds, 0.99), totals.negotiated.c_str(),
        totals.failure.c_str());
    std::fflush(stdout);
}

double own_cpu()
{
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
           + static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

struct Load
{
    Does does = Does::handshakes;
    uint16_t port = 0;
    double seconds = 0;
    size_t connections = 0;
};

int run(const Load & load, SSL_CTX * context)
{
    const Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
    Totals totals;
    size_t open = 0;
    const auto start = [&]
    {
        new Client(context, epoll.get(), load.port, load.does, totals); // epoll holds it
        ++open;
    };
    const auto began = Clock::now();
    const auto elapsed = [&]
    {
        return std::chrono::duration<double>(Clock::now() - began).count();
    };
    const bool renews = load.does == Does::handshakes || load.does == Does::download;
    while (open < load.connections)
        start();
    std::array<epoll_event, 256> events{};
    while (elapsed() < load.seconds && open > 0)
    {
        const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 100);
        for (int i = 0; i < count; ++i)
        {
            auto * const client = static_cast<Client *>(events[static_cast<size_t>(i)].data.ptr);
            if (client->step())
                continue;
            delete client; // NOLINT: see start
            --open;
            if (renews && totals.failed < 1000)
                start();
        }
    }
    print(totals, elapsed(), own_cpu());
    return totals.failed == 0 && totals.connections > 0 ? 0 : 1;
}

int load_with(const std::vector<std::string> & words)
{
    static const std::array<const char *, 5> names{"handshakes", "latency", "upload", "download", "idle"};
    const auto found = std::find(names.begin(), names.end(), words[0]);
    if (found == names.end() || words.size() != 7)
        return 2;
    const auto context = make_context(words[2].c_str(), words[3].c_str(), words[4].c_str());
    return run(
        {static_cast<Does>(found - names.begin()), static_cast<uint16_t>(std::stoi(words[1])), std::stod(words[5]),
         static_cast<size_t>(std::stoul(words[6]))},
        context.get());
}

}

int main(int argc, char ** argv)
{
    const std::vector<std::string> words(argv + 1, argv + argc);
    try
    {
        rlimit files{};
        ::getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &files);
        if (words.size() == 2 && words[0] == "sink")
            return sink(static_cast<uint16_t>(std::stoi(words[1])));
        if (!words.empty())
            if (const int status = load_with(words); status != 2)
                return status;
    }
    catch (const std::exception & error)
    {
        std::fprintf(stderr, "tls_load: %s\n", error.what());
        return 1;
    }
    std::fputs("usage: tls_load sink PORT | MODE PORT CA CERTIFICATE KEY SECONDS CONNECTIONS\n", stderr);
    return 2;
}
