// From the write of a file to the end of the last session that it ends: watcher, loader, registry, as they work in a server.

#include <ctime>
#include <thread>

#include <gtest/gtest.h>

#include "generation/published.h"
#include "policy/verify.h"
#include "reload/site.h"
#include "session/registry.h"
#include "support/sanitized.h"

namespace chmtls::test
{
namespace
{

// A sanitizer multiplies the cost; what is promised is measured without one.
constexpr double one_second = sanitized ? 20.0 : 1.0;

/// Seconds of the clock, and of the processor: what the clock would show if nobody else wanted it.
struct Moment
{
    double clock = std::chrono::duration<double>(SteadyClock::now().time_since_epoch()).count();
    double processor = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
};

class LiveSessions : public testing::Test
{
protected:
    static constexpr size_t count = 1000;

    void configure()
    {
        const auto configured = manager.configure(site.input());
        ASSERT_TRUE(configured.has_value()) << describe(configured.error());
    }

    /// A session of a certificate of its own; its serial number.
    std::string open(uint64_t token, const std::string & name)
    {
        const pki::Issued issued = must(pki::issue(leaf_spec(name), site.root, site.now));
        const std::vector<ByteView> chain{issued.certificate.der()};
        const auto verdict = policy::verify_peer(
            *manager.current(),
            {.role = policy::PeerRole::client, .listener = "tcp_port_secure", .chain = chain, .expected_name = {}}, site.now);
        EXPECT_TRUE(verdict.accepted()) << verdict.message;
        const auto added = registry.add({token, policy::Interface::native, verdict.identity, "alice", "rule"});
        EXPECT_TRUE(added.has_value()) << (added ? "" : added.error().describe());
        return issued.certificate.facts().serial_hex;
    }

    bool closes(size_t wanted)
    {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, std::chrono::seconds(60), [&] { return closed.size() >= wanted; });
    }

    Site site;
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::pair<uint64_t, Moment>> closed;
    generation::Published latest;
    session::Registry registry{
        [this](const session::Session & session, Reason, const std::string &)
        {
            const std::lock_guard guard(mutex);
            closed.emplace_back(session.token, Moment());
            changed.notify_all();
        },
        [this] { return latest.current(); }, system_time};
    generation::Manager manager{
        {.log = [](LogLevel, const std::string &) {},
         .published =
             [this](const generation::GenerationPtr & generation)
         {
             latest.publish(generation);
             registry.generation_published();
         },
         .configuration_changed =
             [] {
             }},
        system_time}; ///< last: its thread ends before the rest goes
};

TEST_F(LiveSessions, AThousandRevokedOnesEndWithinASecondOfTheWriteAndTheOthersNoticeNothing)
{
    site.rename_over("rules.txt", rules_text({common_name_rule("rule", "*", "alice")}));
    configure();
    std::vector<pki::RevokedEntry> revoked;
    for (uint64_t token = 0; token < count; ++token)
        revoked.push_back({open(token, fmt::format("leaving{}", token)), std::chrono::seconds(-60)});
    for (uint64_t token = count; token < count + 10; ++token)
        (void)open(token, fmt::format("staying{}", token));

    const std::string list
        = pki::crl_pem(must(pki::issue_crl({.revoked = std::move(revoked), .number = 2}, site.root, site.now)));
    const Moment start;
    site.rename_over("crl.pem", list);
    ASSERT_TRUE(closes(count));
    const auto spent = [&](size_t at)
    {
        const Moment & end = closed[at].second;
        return std::min(end.clock - start.clock, end.processor - start.processor);
    };
    RecordProperty("p99_seconds", fmt::format("{:.3f}", closed[count * 99 / 100].second.clock - start.clock));
    RecordProperty("last_seconds", fmt::format("{:.3f}", closed[count - 1].second.clock - start.clock));
    EXPECT_LT(spent(count * 99 / 100), one_second);
    EXPECT_EQ(registry.size(), 10u);
    for (const auto & [token, at] : closed)
        EXPECT_LT(token, count);
}

}
}
