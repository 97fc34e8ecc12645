// The service with a resolver of the test's: when the host is told to flush, and that nobody waits.

#include <condition_variable>
#include <map>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "base/wake.h"
#include "dns/service.h"

namespace chmtls::dns
{
namespace
{

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr seconds deadline{30};

/// Answers at once from a table; a name that is not in it hangs for ever.
class TableResolver : public Resolver
{
public:
    struct Table
    {
        std::mutex mutex;
        std::condition_variable changed;
        std::map<std::string, std::string> addresses;
        std::map<std::string, size_t> asked;
        std::vector<std::vector<std::string>> servers;
        bool fails_once = false;
    };

    explicit TableResolver(std::shared_ptr<Table> table) : table_(std::move(table)) {}

    void use(const std::vector<std::string> & servers) override
    {
        const std::lock_guard guard(table_->mutex);
        table_->servers.push_back(servers);
    }

    void start(const std::string & name) override
    {
        const std::lock_guard guard(table_->mutex);
        ++table_->asked[name];
        if (std::exchange(table_->fails_once, false))
            throw std::bad_alloc();
        table_->changed.notify_all();
        const auto found = table_->addresses.find(name);
        if (found == table_->addresses.end())
            return;
        Lookup lookup{name, {}, {}};
        lookup.ipv4 = {Answer::Kind::addresses, {found->second}, seconds(0), ""};
        lookup.ipv6 = {Answer::Kind::none, {}, seconds(0), "no data"};
        ended_.push_back(std::move(lookup));
    }

    std::vector<Lookup> wait(int wake, std::optional<milliseconds> most) override
    {
        if (ended_.empty())
        {
            pollfd one{wake, POLLIN, 0};
            (void)::poll(&one, 1, most ? static_cast<int>(most->count()) : -1);
        }
        return std::exchange(ended_, {});
    }

private:
    std::shared_ptr<Table> table_;
    std::vector<Lookup> ended_;
};

class DnsService : public testing::Test
{
protected:
    DnsService()
    {
        settings_.enabled = true;
        settings_.min_ttl = milliseconds(100);
        settings_.max_ttl = milliseconds(100);
        settings_.negative_ttl = milliseconds(100);
        settings_.min_interval = milliseconds(0);
    }

    std::unique_ptr<Service> make()
    {
        return std::make_unique<Service>(
            Events{
                .flush =
                    [this](const Flush & flush)
                {
                    const std::lock_guard guard(mutex_);
                    flushed_.push_back(flush.host.empty() ? "ALL" : flush.host);
                    changed_.notify_all();
                },
                .log =
                    [this](LogLevel, const std::string & line)
                {
                    const std::lock_guard guard(mutex_);
                    lines_.push_back(line);
                }},
            std::make_unique<TableResolver>(table_));
    }

    void put(const std::string & name, const std::string & address)
    {
        const std::lock_guard guard(table_->mutex);
        table_->addresses[name] = address;
    }

    [[nodiscard]] bool asked(const std::string & name, size_t times)
    {
        std::unique_lock lock(table_->mutex);
        return table_->changed.wait_for(lock, deadline, [&] { return table_->asked[name] >= times; });
    }

    /// The answer has not only been given but taken.
    [[nodiscard]] static bool resolved(const Service & service)
    {
        const auto end = std::chrono::steady_clock::now() + deadline;
        while (!service.status().states.front().resolves && std::chrono::steady_clock::now() < end)
            std::this_thread::yield();
        return service.status().states.front().resolves;
    }

    [[nodiscard]] bool flushes(size_t count)
    {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, deadline, [&] { return flushed_.size() >= count; });
    }

    [[nodiscard]] std::vector<std::string> flushed()
    {
        const std::lock_guard guard(mutex_);
        return flushed_;
    }

    [[nodiscard]] std::vector<std::string> lines()
    {
        const std::lock_guard guard(mutex_);
        return lines_;
    }

    config::DnsSettings settings_;
    std::shared_ptr<TableResolver::Table> table_ = std::make_shared<TableResolver::Table>();
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> flushed_;
    std::vector<std::string> lines_;
};

TEST_F(DnsService, FlushesAHostThatMovedAndNothingElse)
{
    put("a", "10.0.0.1");
    put("b", "10.0.0.2");
    settings_.names = {"a", "b"};
    const auto service = make();
    service->configure(settings_);
    ASSERT_TRUE(asked("a", 3));
    ASSERT_TRUE(asked("b", 3));
    EXPECT_THAT(flushed(), IsEmpty()) << "the same answer again is no reason";
    put("b", "10.0.0.3");
    ASSERT_TRUE(flushes(1));
    EXPECT_THAT(flushed(), ElementsAre("b"));
    EXPECT_THAT(lines(), Contains(HasSubstr("decision=moved")));
    const Status status = service->status();
    EXPECT_EQ(status.names, 2u);
    EXPECT_EQ(status.flushes.done, 1u);
    EXPECT_THAT(status.states.back().addresses, ElementsAre("10.0.0.3"));
}

TEST_F(DnsService, AHangingResolverDelaysNobody)
{
    put("answers", "10.0.0.1");
    settings_.names = {"answers", "hangs"};
    const auto service = make();
    service->configure(settings_);
    ASSERT_TRUE(asked("hangs", 1));
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 1000; ++i)
        service->report_connect("somebody", Connect::succeeded);
    EXPECT_EQ(service->status().names, 2u);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
    EXPECT_TRUE(asked("answers", 5)) << "others are watched meanwhile";
    EXPECT_EQ(service->flush("").count(), 0);
    EXPECT_TRUE(flushes(1));
}

TEST_F(DnsService, FlushesAfterFailuresInARow)
{
    put("a", "10.0.0.1");
    settings_.names = {"a"};
    settings_.failures = 3;
    settings_.min_ttl = settings_.max_ttl = seconds(3600);
    const auto service = make();
    service->configure(settings_);
    ASSERT_TRUE(resolved(*service));
    service->report_connect("A", Connect::failed);
    service->report_connect("A", Connect::failed);
    service->report_connect("A", Connect::succeeded);
    service->report_connect("A", Connect::failed);
    service->report_connect("A", Connect::failed);
    EXPECT_EQ(service->status().flushes.asked[static_cast<size_t>(Cause::failures)], 0u);
    EXPECT_EQ(service->status().failing_hosts, 1u);
    service->report_connect("A", Connect::failed);
    ASSERT_TRUE(flushes(1));
    EXPECT_THAT(flushed(), ElementsAre("a"));
    EXPECT_TRUE(asked("a", 2)) << "and its address is looked up again, long before its time";
}

/// A SQL user may have this server connect to names of his own, as often as he likes.
TEST_F(DnsService, NamesThatAreNotConfiguredNeverFlush)
{
    put("a", "10.0.0.1");
    settings_.names = {"a"};
    settings_.min_ttl = settings_.max_ttl = seconds(3600);
    const auto service = make();
    service->configure(settings_);
    ASSERT_TRUE(resolved(*service));
    for (int i = 0; i < 1000; ++i)
        service->report_connect("evil" + std::to_string(i % 20), Connect::failed);
    EXPECT_EQ(service->status().flushes.asked[static_cast<size_t>(Cause::failures)], 0u);
    EXPECT_EQ(service->status().failing_hosts, 0u);
    for (int i = 0; i < 3; ++i)
        service->report_connect("a", Connect::failed);
    ASSERT_TRUE(flushes(1));
    EXPECT_THAT(flushed(), ElementsAre("a")) << "the twin, which is configured";
}

TEST_F(DnsService, AHostIsTheSameInEverySpelling)
{
    put("abcdefgh", "10.0.0.1");
    settings_.names = {"abcdefgh"};
    settings_.failures = 1;
    const auto service = make();
    service->configure(settings_);
    for (unsigned spelling = 0; spelling < 256; ++spelling)
    {
        std::string host = "abcdefgh";
        for (size_t i = 0; i < host.size(); ++i)
            if ((spelling >> i & 1u) != 0)
                host[i] = static_cast<char>(host[i] - 'a' + 'A');
        service->report_connect(host, Connect::failed);
    }
    EXPECT_EQ(service->status().flushes.asked[static_cast<size_t>(Cause::failures)], 8u) << "after 1, 3, 7, ... 255 failures";
    EXPECT_EQ(service->status().failing_hosts, 1u);
}

TEST_F(DnsService, FlushesOnScheduleAndRotationOnlyWhenAsked)
{
    const auto service = make();
    service->configure(settings_);
    service->credentials_changed();
    settings_.on_rotation = true;
    service->configure(settings_);
    EXPECT_EQ(service->status().flushes.asked[static_cast<size_t>(Cause::rotation)], 0u);
    service->credentials_changed();
    ASSERT_TRUE(flushes(1));
    EXPECT_EQ(service->status().flushes.asked[static_cast<size_t>(Cause::rotation)], 1u);
    EXPECT_EQ(service->status().flushes.asked[static_cast<size_t>(Cause::schedule)], 0u);
    settings_.schedule = milliseconds(50);
    service->configure(settings_);
    ASSERT_TRUE(flushes(4));
    EXPECT_GE(service->status().flushes.asked[static_cast<size_t>(Cause::schedule)], 3u);
    EXPECT_THAT(flushed(), testing::Each("ALL"));
}

TEST_F(DnsService, CommandsAreRateLimitedTogether)
{
    settings_.min_interval = milliseconds(1000); // a busy machine may let us ask for a while
    const auto service = make();
    service->configure(settings_);
    EXPECT_EQ(service->flush("a").count(), 0);
    ASSERT_TRUE(flushes(1));
    for (int i = 0; i < 100; ++i)
        EXPECT_LE(service->flush("b"), milliseconds(1000));
    ASSERT_TRUE(flushes(2));
    EXPECT_THAT(flushed(), ElementsAre("a", "b"));
}

TEST_F(DnsService, TakesOtherSettingsWhileItRuns)
{
    put("a", "10.0.0.1");
    put("b", "10.0.0.2");
    settings_.names = {"a"};
    const auto service = make();
    service->configure(settings_);
    ASSERT_TRUE(asked("a", 1));
    settings_.names = {"b"};
    settings_.servers = {"127.0.0.1:5300"};
    service->configure(settings_);
    ASSERT_TRUE(asked("b", 2));
    EXPECT_EQ(service->status().names, 1u);
    const std::lock_guard guard(table_->mutex);
    EXPECT_THAT(table_->servers, ElementsAre(ElementsAre("127.0.0.1:5300")));
}

TEST_F(DnsService, GoesOnAfterAFailure)
{
    put("a", "10.0.0.1");
    put("b", "10.0.0.2");
    settings_.names = {"a", "b"};
    table_->fails_once = true;
    const auto service = make();
    service->configure(settings_);
    EXPECT_TRUE(asked("a", 3));
    EXPECT_TRUE(asked("b", 3));
    put("b", "10.0.0.3");
    EXPECT_TRUE(flushes(1));
}

TEST_F(DnsService, WithoutTheSectionOnlyCommandsFlush)
{
    settings_.enabled = false;
    const auto service = make();
    service->configure(settings_);
    for (int i = 0; i < 100; ++i)
        service->report_connect("a", Connect::failed);
    EXPECT_EQ(service->flush("").count(), 0);
    ASSERT_TRUE(flushes(1));
    EXPECT_THAT(flushed(), ElementsAre("ALL"));
}

TEST_F(DnsService, ConnectionsAreReplacedWithoutTheSectionToo)
{
    settings_.enabled = false;
    const auto service = make();
    service->configure(settings_);
    service->replace_connections();
    ASSERT_TRUE(flushes(1));
    EXPECT_THAT(flushed(), ElementsAre("ALL"));
}

}
}
