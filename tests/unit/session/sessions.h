#pragma once

// A world for live sessions: generations that come and go, a clock that runs ahead, and what the registry has closed.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generation/published.h"
#include "session/registry.h"
#include "unit/policy/world.h"

namespace chmtls::session
{

class Sessions : public testing::Test
{
protected:
    static constexpr std::chrono::seconds deadline{30};

    Sessions() { publish(make()); }

    /// Believes client_root; everybody may log in as the user of their common name.
    [[nodiscard]] std::shared_ptr<generation::Generation> make() const
    {
        auto made = world_.generation();
        made->rules
            = test::must(mapping::RuleSet::compile({{"by-name", {{mapping::Field::common_name, "{user}"}}, "{user}", "test"}}));
        return made;
    }

    void publish(std::shared_ptr<generation::Generation> next)
    {
        next->number = ++number_;
        published_.publish(std::move(next));
    }

    [[nodiscard]] policy::IdentityPtr identity(const pki::Spec & spec)
    {
        const pki::Issued issued = world_.client(spec);
        const auto verdict = world_.verify_client(*published_.current(), {issued.certificate});
        EXPECT_TRUE(verdict.accepted()) << verdict.message;
        return verdict.identity;
    }

    [[nodiscard]] static Session session(uint64_t token, policy::IdentityPtr identity, const std::string & user)
    {
        return {token, policy::Interface::native, std::move(identity), user, user.empty() ? "" : "by-name", {}, {}};
    }

    /// Into closed_.
    [[nodiscard]] CloseSession noted()
    {
        return [this](const Session & closed, Reason reason, const std::string & message)
        {
            const std::lock_guard guard(mutex_);
            closed_[closed.token] = std::string(code(reason)) + ": " + message;
            changed_.notify_all();
        };
    }

    /// What is in force, with each look at it counted.
    [[nodiscard]] std::function<generation::GenerationPtr()> looking()
    {
        return [this]
        {
            ++looks_;
            return published_.current();
        };
    }

    /// Returns when a round over all sessions that began after the call has ended: the first one seen may be older and had not
    /// looked yet, and one look more may be that of a session that is added in a round.
    void goes_over_all(Registry & registry)
    {
        for (int round = 0; round < 4; ++round)
        {
            const uint64_t before = looks_;
            registry.generation_published();
            ASSERT_TRUE(reaches([&] { return looks_ != before; }));
        }
    }

    [[nodiscard]] Registry registry()
    {
        return Registry(
            noted(), looking(), [this] { return world_.now + std::chrono::seconds(ahead_); }, {},
            [this]
            {
                const std::lock_guard guard(mutex_);
                ++replaced_;
                changed_.notify_all();
            });
    }

    [[nodiscard]] bool eventually(const std::function<bool()> & holds)
    {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, deadline, holds);
    }

    [[nodiscard]] bool closes(size_t count)
    {
        return eventually([&] { return closed_.size() >= count; });
    }

    /// What nobody tells of: looks until it holds.
    [[nodiscard]] static bool reaches(const std::function<bool()> & holds)
    {
        const auto end = std::chrono::steady_clock::now() + deadline;
        while (!holds())
        {
            if (std::chrono::steady_clock::now() >= end)
                return false;
            std::this_thread::yield();
        }
        return true;
    }

    test::World world_;
    generation::Published published_;
    uint64_t number_ = 0;
    std::atomic<int64_t> ahead_{0};
    std::atomic<uint64_t> looks_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<uint64_t, std::string> closed_; ///< "CODE: message"
    int replaced_ = 0;                       ///< how often connections of ours were asked to be replaced
};

}
