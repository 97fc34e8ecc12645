// Requests over the admin socket and reports of connects while the configuration changes and the instance ends.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "admin/client.h"
#include "stress/rotations.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

constexpr std::chrono::seconds deadline{60};

struct StopAtEnd
{
    std::atomic<bool> & done;
    ~StopAtEnd() { done = true; }
};

TEST(AdminSocket, AnswersWhileInstancesComeAndGo)
{
    ModuleWorld world;
    const std::string path = world.directory.file("admin.sock");
    const std::string socket = "<admin><socket>" + path + "</socket></admin>";
    std::atomic<bool> done{false};
    std::atomic<uint64_t> answered{0};
    std::atomic<uint64_t> refused{0};
    std::vector<std::jthread> threads;
    const StopAtEnd stop{done}; // also when an assertion ends the test early
    for (const std::string request : {"status", "dns status", "dns flush"})
        threads.emplace_back(
            [&, request]
            {
                while (!done)
                    if (const auto answer = admin::ask(path, request, {}))
                        ++(answer->ok ? answered : refused);
            });

    const int rounds = std::max(3, rotations_to_make() / 20);
    for (int round = 0; round < rounds; ++round)
    {
        world.options.extra_mtls
            = socket + "<dns><watch>host1</watch><failures>1</failures><min_interval>0.1</min_interval></dns>";
        const auto plugin = world.plugin();
        const uint64_t before = answered;
        const auto end = std::chrono::steady_clock::now() + deadline;
        for (int change = 0; answered < before + 3; ++change)
        {
            ASSERT_LT(std::chrono::steady_clock::now(), end);
            plugin->report_connect("host" + std::to_string(change % 7), ConnectEnd::failed);
            world.options.extra_mtls
                = socket + "<dns><watch>host1</watch><failures>" + std::to_string(1 + change % 3) + "</failures></dns>";
            ASSERT_TRUE(plugin->configure(world.configuration()).ok());
        }
    }
    done = true;
    threads.clear();
    EXPECT_EQ(refused, 0u);
    EXPECT_NE(::access(path.c_str(), F_OK), 0) << "the last one has taken its socket along";
}

}
}
