// The socket: its mode, who is answered, what may stand in its way, and its end.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/client.h"
#include "admin/endpoint.h"
#include "admin/line.h"
#include "admin/server.h"
#include "support/scratch_dir.h"

namespace chmtls::admin
{
namespace
{

using testing::Contains;
using testing::HasSubstr;

constexpr std::chrono::seconds deadline{30};

bool eventually(const std::function<bool()> & holds)
{
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (!holds() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return holds();
}

class AdminServer : public testing::Test
{
protected:
    std::unique_ptr<Server> make()
    {
        Requests requests;
        requests.add("ping", [](const Arguments &) -> Result<std::string> { return std::string("\"pong\""); });
        requests.add("much", [](const Arguments &) -> Result<std::string> { return "\"" + std::string(1u << 20, 'x') + "\""; });
        return std::make_unique<Server>(
            std::move(requests),
            [this](LogLevel, const std::string & line)
            {
                const std::lock_guard guard(mutex_);
                lines_.push_back(line);
            });
    }

    [[nodiscard]] bool answers() const { return ask(path_, "ping", {}).has_value(); }

    [[nodiscard]] std::vector<std::string> lines()
    {
        const std::lock_guard guard(mutex_);
        return lines_;
    }

    test::ScratchDir directory_;
    const std::string path_ = directory_.file("admin.sock");
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

TEST_F(AdminServer, AnswersOnASocketOfMode0600AndRemovesItAtItsEnd)
{
    auto server = make();
    EXPECT_FALSE(answers());
    server->listen_at(path_);
    ASSERT_TRUE(eventually([&] { return answers(); }));
    struct stat facts = {};
    ASSERT_EQ(::lstat(path_.c_str(), &facts), 0);
    EXPECT_TRUE(S_ISSOCK(facts.st_mode));
    EXPECT_EQ(facts.st_mode & 07777u, 0600u);
    const auto answer = ask(path_, "ping", {});
    ASSERT_TRUE(answer.has_value());
    EXPECT_TRUE(answer->ok);
    EXPECT_EQ(answer->result, "\"pong\"");
    EXPECT_FALSE(ask(path_, "dance", {})->ok);
    const auto much = ask(path_, "much", {});
    ASSERT_TRUE(much.has_value()) << "an answer larger than the socket's buffer";
    EXPECT_GT(much->result.size(), 1u << 20);
    server.reset();
    EXPECT_NE(::lstat(path_.c_str(), &facts), 0);
}

TEST_F(AdminServer, ReplacesASocketThatNobodyListensTo)
{
    {
        const Descriptor dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto address = socket_address(path_);
        ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr *>(&*address), sizeof(*address)), 0);
    }
    const auto server = make();
    server->listen_at(path_);
    EXPECT_TRUE(eventually([&] { return answers(); }));
}

TEST_F(AdminServer, LeavesASocketInUseAndOtherFilesAlone)
{
    const auto first = make();
    first->listen_at(path_);
    ASSERT_TRUE(eventually([&] { return answers(); }));
    {
        const auto second = make();
        second->listen_at(path_);
        EXPECT_TRUE(eventually([&] { return testing::Value(lines(), Contains(HasSubstr("another process listens there"))); }));
    }
    EXPECT_TRUE(answers()) << "the end of the second is none of the first";

    const std::string file = directory_.file("notes.txt");
    std::ofstream(file) << "mine";
    const auto third = make();
    third->listen_at(file);
    EXPECT_TRUE(eventually([&] { return testing::Value(lines(), Contains(HasSubstr("no socket"))); }));
    std::string content;
    std::ifstream(file) >> content;
    EXPECT_EQ(content, "mine");
}

TEST_F(AdminServer, ComesBackWhenItsFileWasRemovedOrItsDirectoryIsMade)
{
    const std::filesystem::path later = directory_.file("later");
    const auto server = make();
    server->listen_at((later / "admin.sock").string());
    EXPECT_TRUE(eventually([&] { return testing::Value(lines(), Contains(HasSubstr("no admin socket"))); }));
    std::filesystem::create_directory(later);
    EXPECT_TRUE(eventually([&] { return ask((later / "admin.sock").string(), "ping", {}).has_value(); }));
    std::filesystem::remove(later / "admin.sock");
    EXPECT_TRUE(eventually([&] { return ask((later / "admin.sock").string(), "ping", {}).has_value(); }));
}

TEST_F(AdminServer, MovesAndEndsAsTold)
{
    const auto server = make();
    server->listen_at(path_);
    ASSERT_TRUE(eventually([&] { return answers(); }));
    const std::string other = directory_.file("other.sock");
    server->listen_at(other);
    EXPECT_TRUE(eventually([&] { return ask(other, "ping", {}).has_value() && !answers(); }));
    server->listen_at("");
    EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(other); }));
}

TEST_F(AdminServer, BoundsARequest)
{
    const auto server = make();
    server->listen_at(path_);
    ASSERT_TRUE(eventually([&] { return answers(); }));
    const auto end = std::chrono::steady_clock::now() + deadline;
    const auto address = socket_address(path_);
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ASSERT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr *>(&*address), sizeof(*address)), 0);
    (void)write_line(socket.get(), std::string(max_request + 1, ' '), end);
    EXPECT_FALSE(read_line(socket.get(), 1000, end).has_value());
    EXPECT_TRUE(answers());
}

TEST_F(AdminServer, ASilentClientHoldsNobodyUpForLong)
{
    const auto server = make();
    server->listen_at(path_);
    ASSERT_TRUE(eventually([&] { return answers(); }));
    const auto address = socket_address(path_);
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ASSERT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr *>(&*address), sizeof(*address)), 0);
    EXPECT_TRUE(answers()) << "after the silent one's time is up";
}

// Only root can become somebody else.
TEST_F(AdminServer, TurnsOtherUsersAway)
{
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root";
    const auto server = make();
    server->listen_at(path_);
    ASSERT_TRUE(eventually([&] { return answers(); }));
    // Even if somebody has opened file and directory for all.
    std::filesystem::permissions(std::filesystem::path(path_).parent_path(), std::filesystem::perms::all);
    ASSERT_EQ(::chmod(path_.c_str(), 0777), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0)
    {
        constexpr uid_t nobody = 65534;
        if (::setuid(nobody) != 0)
            ::_exit(3);
        ::_exit(ask(path_, "ping", {}).has_value() ? 1 : 0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_TRUE(eventually([&] { return testing::Value(lines(), Contains(HasSubstr("user 65534"))); }));
    EXPECT_TRUE(answers());
}

}
}
