// A long life in one process: handshakes of every kind while trust rotates. Neither memory nor descriptors nor threads grow.
//
// A sample by default; `./run soak` asks for 100,000 handshakes and 1,000 rotations through CHMTLS_HANDSHAKES and
// CHMTLS_ROTATIONS.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <malloc.h>

#include "handshake/bound.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

namespace fs = std::filesystem;

size_t asked_for(const char * name, size_t otherwise)
{
    const char * const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

size_t entries_of(const char * directory)
{
    return static_cast<size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

struct Held
{
    size_t bytes = 0; ///< in all arenas, without what was freed
    size_t descriptors = 0;
    size_t threads = 0;

    bool operator==(const Held &) const = default;

    static Held now()
    {
        const auto info = ::mallinfo2();
        return {info.uordblks + info.hblkhd, entries_of("/proc/self/fd"), entries_of("/proc/self/task")};
    }

    /// Once the module's own thread has looked at the files and nothing has changed for a while.
    static Held at_rest()
    {
        using Clock = std::chrono::steady_clock;
        const auto deadline = Clock::now() + std::chrono::seconds(30);
        Held held = now();
        for (auto since = Clock::now(); Clock::now() - since < std::chrono::milliseconds(500) && Clock::now() < deadline;)
        {
            std::this_thread::yield();
            if (const Held next = now(); next != held)
            {
                held = next;
                since = Clock::now();
            }
        }
        return held;
    }
};

class Life
{
public:
    /// One connection of each kind: full and resumed, by both versions, and one that is refused.
    size_t connect()
    {
        size_t done = 0;
        for (auto & kind : kinds_)
        {
            TlsPair pair(kind.server.get(), kind.client.get());
            if (kind.session)
                SSL_set_session(pair.client(), kind.session.get());
            EXPECT_TRUE(pair.run().completed) << pair.run().server.error << " / " << pair.run().client.error;
            const auto identity = host::SslBinding::identity_of(pair.server());
            EXPECT_NE(identity, nullptr);
            if (identity != nullptr)
                log_in(*identity);
            kind.session = kind.session ? SessionPtr() : pair.client_session();
            TlsPair refused(kind.server.get(), kind.stranger.get());
            EXPECT_FALSE(refused.run().completed);
            done += 2;
        }
        return done;
    }

    void rotate()
    {
        ++rotations_;
        world_.serve(rotations_ % 2 == 0 ? world_.server : other_server_);
        const auto outcome = plugin_->configure(world_.configuration());
        EXPECT_TRUE(outcome.ok()) << outcome.message;
    }

    [[nodiscard]] uint64_t generation() const { return ModuleWorld::generation(*plugin_); }

private:
    struct Kind
    {
        ContextPtr server;
        ContextPtr client;
        ContextPtr stranger;
        SessionPtr session{};
    };

    Kind kind(int version)
    {
        return {bound_.server(version), world_.plain_client(version, person_), world_.plain_client(version, stranger_)};
    }

    void log_in(const host::PeerIdentity & peer)
    {
        chmtls_login login{};
        login.interface = CHMTLS_INTERFACE_NATIVE;
        login.flags = CHMTLS_LOGIN_USER_NAMED;
        login.user = bytes_of("someone");
        const auto answer = plugin_->authorize(peer.identity, login);
        EXPECT_TRUE(answer.outcome.ok()) << answer.outcome.message;
        chmtls_session session{};
        session.interface = CHMTLS_INTERFACE_NATIVE;
        session.session_token = ++token_;
        session.user = bytes_of(answer.user);
        session.rule = bytes_of(answer.rule);
        EXPECT_TRUE(plugin_->session_opened(peer.identity, session).ok());
        plugin_->session_closed(token_);
    }

    ModuleWorld world_;
    pki::Issued other_server_ = leaf(server_spec("server.test"), world_.root);
    pki::Issued person_ = leaf(client_spec("client"), world_.root);
    pki::Issued stranger_ = leaf(client_spec("client"), authority("root"));
    std::shared_ptr<Plugin> plugin_ = world_.plugin();
    Bound bound_{plugin_};
    std::vector<Kind> kinds_ = make_kinds();
    uint64_t rotations_ = 0;
    uint64_t token_ = 0;

    std::vector<Kind> make_kinds()
    {
        std::vector<Kind> result;
        result.push_back(kind(TLS1_2_VERSION));
        result.push_back(kind(TLS1_3_VERSION));
        return result;
    }
};

TEST(Soak, NothingGrows)
{
    const size_t handshakes = asked_for("CHMTLS_HANDSHAKES", 1600);
    const size_t rotations = asked_for("CHMTLS_ROTATIONS", 40);
    Life life;
    for (int i = 0; i < 20; ++i) // whatever is made once is made now
    {
        life.connect();
        life.rotate();
    }

    const Held before = Held::at_rest();
    const uint64_t generation = life.generation();
    size_t done = 0;
    for (size_t rotation = 1; rotation <= rotations; ++rotation)
    {
        while (done < handshakes * rotation / rotations)
            done += life.connect();
        life.rotate();
        ASSERT_FALSE(HasFailure());
    }
    const Held after = Held::at_rest();

    EXPECT_GE(life.generation() - generation, rotations);
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_EQ(after.threads, before.threads);
    // Less than a kilobyte for each generation, or ten bytes for each handshake: nothing that was made for one of them stays.
    EXPECT_LT(after.bytes, before.bytes + 64 * 1024 + std::min(rotations * 1024, handshakes * 10));
    RecordProperty("handshakes", std::to_string(done));
    RecordProperty("grown_bytes", std::to_string(static_cast<int64_t>(after.bytes) - static_cast<int64_t>(before.bytes)));
    std::printf(
        "%zu handshakes, %zu rotations: %lld bytes more\n", done, rotations,
        static_cast<long long>(after.bytes) - static_cast<long long>(before.bytes));
}

}
}
