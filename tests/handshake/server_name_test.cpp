// The server_name extension as a hostile client may write it (RFC 6066 3): OpenSSL's ClientHello, with single octets changed.

#include <openssl/err.h>

#include "fake_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;

constexpr std::string_view sent_name = "abcdef.test";

struct Mutation
{
    const char * name;
    int offset; ///< from the first octet of the host name
    int change; ///< added to the octet there
    bool refused;
};

// Before the name: extension length (2 octets), list length (2), type (1), name length (2).
const Mutation mutations[] = {
    {"none", 0, 0, false},
    {"another_letter", 0, 1, false},
    {"nul_in_the_name", 3, -'d', true},
    {"name_longer_than_the_list", -1, 1, true},
    {"name_shorter_than_the_list", -1, -1, true},
    {"name_empty", -1, -static_cast<int>(sent_name.size()), true},
    {"name_length_enormous", -2, 1, true},
    {"another_type_of_name", -3, 1, true},
    {"list_longer_than_the_extension", -4, 1, true},
    {"list_shorter_than_the_extension", -4, -1, true},
};

class ServerName : public testing::TestWithParam<std::tuple<Mutation, int>>
{
};

TEST_P(ServerName, WithOneOctetChanged)
{
    const auto & [mutation, version] = GetParam();
    FakeWorld world;
    Bound bound(world.module.plugin());
    const auto server_context = bound.server(version);
    const auto client_context = world.plain_client(version);
    const SslPtr client(SSL_new(client_context.get()));
    SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_tlsext_host_name(client.get(), std::string(sent_name).c_str());
    SSL_connect(client.get());
    char * data = nullptr;
    const auto size = static_cast<size_t>(BIO_get_mem_data(SSL_get_wbio(client.get()), &data));
    std::string hello(data, size);
    const auto at = hello.find(sent_name);
    ASSERT_NE(at, std::string::npos);
    auto & octet = hello[static_cast<size_t>(static_cast<std::ptrdiff_t>(at) + mutation.offset)];
    octet = static_cast<char>(octet + mutation.change);

    const SslPtr server(SSL_new(server_context.get()));
    SSL_set_bio(server.get(), BIO_new_mem_buf(hello.data(), static_cast<int>(hello.size())), BIO_new(BIO_s_mem()));
    SSL_accept(server.get());
    ERR_clear_error();
    const bool refused = SslBinding::refusal_of(server.get()).find("server_name") != std::string::npos;
    EXPECT_EQ(refused, mutation.refused);
    EXPECT_EQ(world.module.asked_server_name.empty(), mutation.refused) << "asked for a certificate";
}

INSTANTIATE_TEST_SUITE_P(
    Handshake, ServerName, testing::Combine(testing::ValuesIn(mutations), testing::Values(TLS1_2_VERSION, TLS1_3_VERSION)),
    [](const auto & test) { return std::string(std::get<0>(test.param).name) + "_" + version_name(std::get<1>(test.param)); });

}
}
