#pragma once

// A DNS server (RFC 1035) on a UDP port of 127.0.0.1 that answers what the test says.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chmtls::test
{

inline constexpr uint16_t dns_a = 1;
inline constexpr uint16_t dns_cname = 5;
inline constexpr uint16_t dns_aaaa = 28;

struct DnsRecord
{
    std::string owner;
    uint16_t type = dns_a;
    uint32_t ttl = 60;
    std::string value; ///< an address, or the name that a CNAME leads to
};

struct DnsReply
{
    uint8_t code = 0; ///< RCODE: 0 no error, 2 server failure, 3 no such name
    std::vector<DnsRecord> records;
};

class DnsServer
{
public:
    /// Nothing: no answer is sent.
    using Answer = std::function<std::optional<DnsReply>(const std::string & name, uint16_t type)>;

    explicit DnsServer(Answer answer) : answer_(std::move(answer)), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        if (::bind(socket_, reinterpret_cast<const sockaddr *>(&address), size) != 0
            || ::getsockname(socket_, reinterpret_cast<sockaddr *>(&address), &size) != 0)
            std::abort();
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { run(); });
    }

    ~DnsServer()
    {
        stopping_ = true;
        thread_.join();
        ::close(socket_);
    }

    DnsServer(const DnsServer &) = delete;
    DnsServer & operator=(const DnsServer &) = delete;

    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] uint64_t asked() const { return asked_; }

    void answer(Answer answer)
    {
        const std::lock_guard guard(mutex_);
        answer_ = std::move(answer);
    }

private:
    static void put16(std::vector<uint8_t> & out, uint16_t value)
    {
        out.push_back(static_cast<uint8_t>(value >> 8));
        out.push_back(static_cast<uint8_t>(value & 0xff));
    }

    static void put_name(std::vector<uint8_t> & out, const std::string & name)
    {
        for (size_t begin = 0; begin < name.size();)
        {
            const size_t end = std::min(name.find('.', begin), name.size());
            out.push_back(static_cast<uint8_t>(end - begin));
            out.insert(out.end(), name.begin() + static_cast<ptrdiff_t>(begin), name.begin() + static_cast<ptrdiff_t>(end));
            begin = end + 1;
        }
        out.push_back(0);
    }

    static std::vector<uint8_t> data_of(const DnsRecord & record)
    {
        std::vector<uint8_t> data;
        if (record.type == dns_cname)
        {
            put_name(data, record.value);
            return data;
        }
        data.resize(record.type == dns_a ? 4 : 16);
        ::inet_pton(record.type == dns_a ? AF_INET : AF_INET6, record.value.c_str(), data.data());
        return data;
    }

    void serve(const uint8_t * query, size_t size, const sockaddr_in & from)
    {
        std::string name;
        size_t at = 12;
        while (at < size && query[at] != 0 && at + 1 + query[at] < size)
        {
            name += (name.empty() ? "" : ".") + std::string(reinterpret_cast<const char *>(query) + at + 1, query[at]);
            at += 1u + query[at];
        }
        if (at + 5 > size)
            return;
        const auto type = static_cast<uint16_t>(query[at + 1] << 8 | query[at + 2]);
        ++asked_;
        const auto reply = [&]
        {
            const std::lock_guard guard(mutex_);
            return answer_(name, type);
        }();
        if (!reply)
            return;
        std::vector<uint8_t> out{query[0], query[1], 0x81, static_cast<uint8_t>(0x80 | reply->code)};
        put16(out, 1);
        put16(out, static_cast<uint16_t>(reply->records.size()));
        put16(out, 0);
        put16(out, 0);
        out.insert(out.end(), query + 12, query + at + 5);
        for (const DnsRecord & record : reply->records)
        {
            put_name(out, record.owner);
            put16(out, record.type);
            put16(out, 1);
            put16(out, static_cast<uint16_t>(record.ttl >> 16));
            put16(out, static_cast<uint16_t>(record.ttl & 0xffff));
            const auto data = data_of(record);
            put16(out, static_cast<uint16_t>(data.size()));
            out.insert(out.end(), data.begin(), data.end());
        }
        (void)::sendto(socket_, out.data(), out.size(), 0, reinterpret_cast<const sockaddr *>(&from), sizeof(from));
    }

    void run()
    {
        std::array<uint8_t, 1500> query{};
        while (!stopping_)
        {
            pollfd one{socket_, POLLIN, 0};
            if (::poll(&one, 1, 50) <= 0)
                continue;
            sockaddr_in from{};
            socklen_t size = sizeof(from);
            const ssize_t got = ::recvfrom(socket_, query.data(), query.size(), 0, reinterpret_cast<sockaddr *>(&from), &size);
            if (got > 12)
                serve(query.data(), static_cast<size_t>(got), from);
        }
    }

    std::mutex mutex_;
    Answer answer_;
    int socket_;
    uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<uint64_t> asked_{0};
    std::thread thread_;
};

}
