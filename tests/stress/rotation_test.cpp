// A thousand rotations under continuous reading: nobody ever sees half a generation, nobody is refused.

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "policy/authorize.h"
#include "policy/verify.h"
#include "reload/site.h"
#include "stress/rotations.h"

namespace chmtls::test
{
namespace
{

/// Of the rotations so many are found by the manager itself; the others are taken at once through configure.
constexpr int watched_rotations = 50;
constexpr int readers = 4;

struct Seen
{
    std::atomic<uint64_t> reads{0};
    std::atomic<uint64_t> failures{0};
    std::atomic<uint64_t> last_generation{0};
    std::mutex mutex;
    std::string first_failure;

    void fail(const std::string & what)
    {
        failures.fetch_add(1);
        const std::lock_guard guard(mutex);
        if (first_failure.empty())
            first_failure = what;
    }
};

/// A credential of generation `last` was not found. While the next but one is being published it has gone a moment before that
/// one's number shows; in no other case does it go, nor does it ever come back.
bool has_gone_for_good(const generation::Manager & manager, uint64_t id, uint64_t last)
{
    const auto end = SteadyClock::now() + std::chrono::seconds(30);
    while (SteadyClock::now() < end)
    {
        const uint64_t number = manager.current()->number;
        if (number > last + 1)
            return true;
        if (number == last || manager.credential(id))
            return false;
    }
    return false;
}

/// What a handshake and a login do, over and over.
void read_on(
    const generation::Manager & manager, policy::Verifier & verifier, const openssl::Certificate & alice,
    std::atomic<bool> & done, Seen & seen)
{
    uint64_t last = 0;
    const ByteView chain[] = {alice.der()};
    while (!done)
    {
        const generation::GenerationPtr current = manager.current();
        if (current->number < last)
            seen.fail("an older generation came back");
        last = current->number;

        const auto credential = current->credentials[generation::Use::server]->select("");
        if (!credential || !credential->key.matches(credential->chain.front()))
            seen.fail("key and certificate of two moments");
        if (!manager.credential(credential->id) && !has_gone_for_good(manager, credential->id, last))
            seen.fail("a credential of the current or the previous generation was not found");

        const policy::PeerQuery query{policy::PeerRole::client, "tcp_port_secure", chain, {}};
        const policy::PeerVerdict verdict = verifier.verify(current, query, system_time());
        if (!verdict.accepted())
        {
            seen.fail("refused: " + verdict.message);
            continue;
        }
        policy::Login login;
        login.user = "alice";
        login.user_named = true;
        const auto decision = policy::authorize(policy::standing_of(*current, verdict.identity, system_time()), login);
        if (decision.outcome != policy::Outcome::granted)
            seen.fail("not granted: " + decision.message);
        seen.reads.fetch_add(1, std::memory_order_relaxed);
    }
    seen.last_generation.store(std::max(seen.last_generation.load(), last));
}

/// New keys and certificates each time; now and then other authorities, another bundle, another list, other rules.
Contents next_contents(const Site & site, const std::vector<Contents> & pairs, int number)
{
    Contents next = pairs[static_cast<size_t>(number) % pairs.size()];
    if (number % 2)
        next.authorities += pki::certificate_pem(site.other_root.certificate);
    next.rules
        = rules_text({common_name_rule("rule", "alice", "alice"), common_name_rule("more", "x", fmt::format("user{}", number))});
    return next;
}

struct StopAtEnd
{
    std::atomic<bool> & done;
    ~StopAtEnd() { done = true; }
};

TEST(Rotation, AThousandUnderContinuousReading)
{
    const int rotations = rotations_to_make();
    Site site;
    site.openssl_server = "<verificationMode>relaxed</verificationMode>";
    std::vector<Contents> pairs;
    for (int i = 0; i < 7; ++i)
        pairs.push_back(site.make());
    const pki::Issued alice = site.issue("alice");
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    policy::Verifier verifier;
    std::atomic<bool> done{false};
    Seen seen;
    std::vector<std::jthread> threads;
    const StopAtEnd stop{done}; // also when an assertion ends the test early
    for (int i = 0; i < readers; ++i)
        threads.emplace_back([&] { read_on(managed.manager, verifier, alice.certificate, done, seen); });

    for (int number = 1; number <= rotations; ++number)
    {
        const Contents next = next_contents(site, pairs, number);
        for (const auto & [name, content] : Site::named(next))
            site.rename_over(name, content);
        const auto in_force = [&]
        {
            return managed.manager.current()->rules->rules().back().user == fmt::format("user{}", number);
        };
        if (number % (rotations / watched_rotations) != 0)
        {
            const auto taken = managed.manager.configure(site.input());
            ASSERT_TRUE(taken.has_value()) << describe(taken.error());
            ASSERT_TRUE(in_force());
        }
        ASSERT_TRUE(managed.eventually(in_force)) << managed.log();
    }
    done = true;
    threads.clear();
    EXPECT_EQ(seen.failures, 0u) << seen.first_failure;
    EXPECT_GE(managed.number(), static_cast<uint64_t>(rotations));
    EXPECT_EQ(managed.failure_lines(), 0u) << managed.log();
    RecordProperty("reads", std::to_string(seen.reads));
}

}
}
