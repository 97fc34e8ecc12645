// plugin.hpp against modules that do what they should not: a status from the future is never a yes.

#include <new>
#include <stdexcept>

#include <gtest/gtest.h>

#include <clickhouse_mtls/plugin.hpp>

namespace
{

constexpr chmtls_status from_the_future = 4711;

/// What the faulty module answers, and what became of the identity that it gave.
chmtls_status answer = CHMTLS_OK;
bool gives_identity = true;
int released = 0;
int placeholder = 0;

chmtls_host host{}; ///< the last one that create was given

chmtls_status create(const chmtls_host * given, const chmtls_configuration *, chmtls_plugin ** plugin, chmtls_buffer *)
{
    host = *given;
    *plugin = reinterpret_cast<chmtls_plugin *>(&placeholder);
    return CHMTLS_OK;
}

void destroy(chmtls_plugin *) {}

chmtls_status verify_peer(chmtls_plugin *, const chmtls_peer *, chmtls_verdict *, chmtls_identity ** identity, chmtls_buffer *)
{
    *identity = gives_identity ? reinterpret_cast<chmtls_identity *>(&placeholder) : nullptr;
    return answer;
}

void identity_release(chmtls_identity *)
{
    ++released;
}

chmtls_status authorize(chmtls_plugin *, chmtls_identity *, const chmtls_login *, const chmtls_sink * sink, chmtls_buffer *)
{
    sink->put(sink->context, CHMTLS_ITEM_USER, chmtls::bytes_of("alice"));
    return answer;
}

uint64_t generation(chmtls_plugin *)
{
    return 7;
}

uint16_t module_major = CHMTLS_ABI_MAJOR;
uint32_t module_size = sizeof(chmtls_plugin_api);

chmtls_status get_api(uint16_t, chmtls_plugin_api * api)
{
    chmtls_plugin_api table{};
    table.struct_size = module_size;
    table.abi_major = module_major;
    table.create = create;
    table.destroy = destroy;
    table.verify_peer = verify_peer;
    table.identity_release = identity_release;
    table.authorize = authorize;
    table.generation = generation;
    *api = table;
    return CHMTLS_OK;
}

class FaultyModule : public testing::Test
{
protected:
    void SetUp() override
    {
        answer = CHMTLS_OK;
        gives_identity = true;
        released = 0;
        module_major = CHMTLS_ABI_MAJOR;
        module_size = sizeof(chmtls_plugin_api);
    }

    static std::shared_ptr<chmtls::Plugin> plugin()
    {
        const auto loaded = chmtls::Module::from(get_api);
        EXPECT_TRUE(loaded.outcome.ok());
        return chmtls::Plugin::create(loaded.module, {}, nullptr).plugin;
    }
};

/// A host that can do nothing, for want of memory, disk or whatever.
class FailingHost : public chmtls::HostCallbacks
{
public:
    void log(uint32_t, std::string_view) override
    {
        ++calls;
        throw std::bad_alloc();
    }
    void close_session(uint64_t, std::string_view) override
    {
        ++calls;
        throw std::runtime_error("no such session");
    }
    void configuration_changed() override
    {
        ++calls;
        throw 28;
    }
    void flush_dns(std::string_view) override
    {
        ++calls;
        throw "nothing that is an exception";
    }

    int calls = 0;
};

TEST_F(FaultyModule, IsToldNothingOfWhatTheHostThrows)
{
    const auto loaded = chmtls::Module::from(get_api);
    const auto failing = std::make_shared<FailingHost>();
    const auto created = chmtls::Plugin::create(loaded.module, {}, failing);
    ASSERT_TRUE(created.outcome.ok());
    EXPECT_NO_THROW(host.log(host.context, CHMTLS_LOG_ERROR, chmtls::bytes_of("lost")));
    EXPECT_NO_THROW(host.close_session(host.context, 1, chmtls::bytes_of("no longer accepted")));
    EXPECT_NO_THROW(host.configuration_changed(host.context));
    EXPECT_NO_THROW(host.flush_dns(host.context, chmtls::bytes_of("node")));
    EXPECT_EQ(failing->calls, 4);
}

TEST_F(FaultyModule, UnknownStatusOfVerifyPeerRefuses)
{
    const auto made = plugin();
    EXPECT_TRUE(made->verify_peer({}).identity);
    EXPECT_EQ(released, 1);
    answer = from_the_future;
    const auto verification = made->verify_peer({});
    EXPECT_FALSE(verification.outcome.ok());
    EXPECT_FALSE(verification.identity);
    EXPECT_EQ(released, 2); // what came with it is given back, not kept
}

TEST_F(FaultyModule, UnknownStatusOfAuthorizeRefuses)
{
    const auto made = plugin();
    EXPECT_EQ(made->authorize({}, {}).user, "alice");
    answer = from_the_future;
    const auto authorization = made->authorize({}, {});
    EXPECT_FALSE(authorization.outcome.ok());
    EXPECT_EQ(authorization.user, "");
}

TEST_F(FaultyModule, OkWithoutIdentityRefuses)
{
    gives_identity = false;
    EXPECT_FALSE(plugin()->verify_peer({}).outcome.ok());
}

TEST_F(FaultyModule, ShorterTableHasNoFurtherEntries)
{
    module_size = offsetof(chmtls_plugin_api, authorize);
    const auto made = plugin();
    EXPECT_TRUE(made->verify_peer({}).outcome.ok());
    EXPECT_EQ(made->authorize({}, {}).outcome.status, CHMTLS_ABI_MISMATCH);
}

TEST_F(FaultyModule, WithoutGenerationNoAnswerIsUsedTwice)
{
    EXPECT_EQ(plugin()->generation(), 7u);
    module_size = offsetof(chmtls_plugin_api, generation);
    EXPECT_EQ(plugin()->generation(), 0u);
}

TEST_F(FaultyModule, OtherMajorOffersNothing)
{
    module_major = CHMTLS_ABI_MAJOR + 1;
    EXPECT_EQ(chmtls::Module::from(get_api).outcome.status, CHMTLS_ABI_MISMATCH);
}

}
