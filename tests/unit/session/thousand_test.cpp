// A thousand sessions: how soon each is closed.

#include <ctime>

#include <fmt/format.h>

#include "support/sanitized.h"
#include "unit/session/sessions.h"

namespace chmtls::session
{
namespace
{

using std::chrono::seconds;
using test::leaf_spec;
using test::must;

// A sanitizer multiplies the cost; what is promised is measured without one.
constexpr double one_second = test::sanitized ? 20.0 : 1.0;

/// How a thousand sessions, each with a chain of its own, came to their end.
class AThousand : public Sessions
{
protected:
    static constexpr size_t count = 1000;

    /// From `start` to the 990th close, in seconds of the clock and of the processor (what the clock would show on an idle
    /// machine): the lesser of both.
    void expect_closed_within_a_second(const pki::Spec & like, const std::function<void(Registry &)> & start_of_the_end)
    {
        std::vector<double> at;
        std::vector<double> busy;
        const auto processor = []
        {
            return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
        };
        const auto wall = []
        {
            return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
        };
        std::mutex mutex;
        std::condition_variable changed;
        Registry registry(
            [&](const Session &, Reason, const std::string &)
            {
                const std::lock_guard guard(mutex);
                at.push_back(wall());
                busy.push_back(processor());
                changed.notify_all();
            },
            [this] { return published_.current(); }, [this] { return world_.now + seconds(ahead_); });
        for (uint64_t token = 0; token < count; ++token)
        {
            const std::string name = fmt::format("user{}", token); // each its own chain: no verdict is shared
            pki::Spec spec = leaf_spec(name);
            spec.not_after = like.not_after;
            ASSERT_TRUE(registry.add(session(token, identity(spec), name)).has_value());
        }
        const double start = wall();
        const double busy_start = processor();
        start_of_the_end(registry);
        {
            std::unique_lock lock(mutex);
            ASSERT_TRUE(changed.wait_for(lock, deadline, [&] { return at.size() == count; }));
        }
        const double p99 = at[count * 99 / 100] - start;
        const double p99_busy = busy[count * 99 / 100] - busy_start;
        RecordProperty("p99_seconds", fmt::format("{:.3f}", p99));
        RecordProperty("p99_processor_seconds", fmt::format("{:.3f}", p99_busy));
        EXPECT_LT(std::min(p99, p99_busy), one_second);
        EXPECT_EQ(registry.size(), 0u);
    }
};

TEST_F(AThousand, AreClosedWithinASecondWhenTheirAuthorityGoes)
{
    expect_closed_within_a_second(
        leaf_spec(""),
        [this](Registry & registry)
        {
            auto without = make();
            without->client_trust = must(trust::TrustStore::create({world_.foreign_root.certificate}, {}, {}));
            publish(without);
            registry.generation_published();
        });
}

// The registry looks at the clock once a second: the wait for that look is not part of what is measured by the processor.
TEST_F(AThousand, AreClosedTogetherWhenAllExpireInTheSameSecond)
{
    pki::Spec brief = leaf_spec("");
    brief.not_after = seconds(600);
    expect_closed_within_a_second(brief, [this](Registry &) { ahead_ = 601; });
}

}
}
