#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <gmock/gmock.h>

#include "policy/authorities.h"
#include "policy/describe.h"
#include "world.h"

namespace chmtls::test
{

namespace
{

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Poco::JSON::Object::Ptr parsed(const std::string & json)
{
    EXPECT_EQ(json.find('\n'), std::string::npos);
    return Poco::JSON::Parser().parse(json).extract<Poco::JSON::Object::Ptr>();
}

std::string text(const Poco::JSON::Object::Ptr & object, const char * member)
{
    return object->getValue<std::string>(member);
}

TEST(IdentityJson, HoldsWhatOperatorsAskFor)
{
    const auto & w = world();
    using Kind = pki::AltName::Kind;
    const auto leaf
        = w.client(leaf_spec("alice", {{Kind::dns, "a.internal"}, {Kind::email, "a@example.org"}, {Kind::ip, "192.0.2.1"}}));
    const auto generation = w.generation(3);
    const auto verdict = w.verify_client(*generation, {leaf.certificate});
    ASSERT_TRUE(verdict.accepted());
    const auto object = parsed(policy::identity_json(*verdict.identity));
    const auto & facts = leaf.certificate.facts();
    EXPECT_EQ(text(object, "subject"), "CN=alice");
    EXPECT_EQ(text(object, "issuer"), "CN=Client Root");
    EXPECT_EQ(text(object, "common_name"), "alice");
    EXPECT_EQ(text(object, "serial"), facts.serial_hex);
    EXPECT_EQ(text(object, "fingerprint_sha256"), to_hex(facts.fingerprint_sha256));
    EXPECT_EQ(text(object, "spki_sha256"), to_hex(facts.spki_sha256));
    EXPECT_EQ(text(object, "issuer_spki_sha256"), to_hex(w.client_root.certificate.facts().spki_sha256));
    EXPECT_EQ(text(object, "not_after"), format_rfc3339(facts.not_after));
    EXPECT_EQ(text(object, "listener"), "tcp_port_secure");
    EXPECT_EQ(object->getValue<int>("generation"), 3);
    EXPECT_TRUE(object->isNull("spiffe_id"));
    EXPECT_TRUE(object->isNull("trust_domain"));
    const auto san = object->getObject("san");
    EXPECT_EQ(san->getArray("dns")->getElement<std::string>(0), "a.internal");
    EXPECT_EQ(san->getArray("email")->getElement<std::string>(0), "a@example.org");
    EXPECT_EQ(san->getArray("ip")->getElement<std::string>(0), "192.0.2.1");
    EXPECT_EQ(san->getArray("uri")->size(), 0u);
    EXPECT_EQ(object->getArray("key_usage")->getElement<std::string>(0), "digitalSignature");
    EXPECT_EQ(object->getArray("extended_key_usage")->size(), 2u);
}

TEST(IdentityJson, AbsentIsNull)
{
    auto spec = svid_spec("spiffe://example.org/x");
    spec.key_usage = false;
    spec.extended_key_usage = false;
    const auto leaf = world().client(spec);
    const mapping::Subject subject{leaf.certificate.facts(), std::nullopt, std::nullopt, std::nullopt};
    const auto object = parsed(policy::identity_json(subject));
    EXPECT_TRUE(object->isNull("common_name"));
    EXPECT_TRUE(object->isNull("key_usage"));
    EXPECT_TRUE(object->isNull("extended_key_usage"));
    EXPECT_TRUE(object->isNull("issuer_spki_sha256"));
    EXPECT_FALSE(object->has("listener"));
}

TEST(IdentityJson, AnyBytesStayJson)
{
    using Kind = pki::AltName::Kind;
    for (int byte = 0; byte < 256; ++byte)
    {
        const std::string uri = std::string("x:") + static_cast<char>(byte) + "\"\\";
        const auto leaf = world().client(leaf_spec("odd", {{Kind::uri, uri}}));
        const mapping::Subject subject{leaf.certificate.facts(), std::nullopt, std::nullopt, std::nullopt};
        const auto json = policy::identity_json(subject);
        const auto shown = parsed(json)->getObject("san")->getArray("uri")->getElement<std::string>(0);
        EXPECT_THAT(shown, HasSubstr("x:")) << byte;
        for (const char c : json)
            ASSERT_TRUE(c >= 0x20 && c < 0x7f) << byte;
    }
}

TEST(AuthorityNames, EachOnceAndOnlyWhereAsked)
{
    const auto & w = world();
    const auto generation = w.generation();
    const auto & listeners = generation->settings.listeners;
    EXPECT_THAT(policy::authority_names(*generation, listeners[0]), SizeIs(1));
    EXPECT_THAT(policy::authority_names(*generation, listeners[2]), IsEmpty()); // asks for no certificate

    w.add_trust_domain(*generation);
    EXPECT_THAT(policy::authority_names(*generation, listeners[0]), SizeIs(2));
    w.add_trust_domain(*generation, "other.org"); // the same authority again
    EXPECT_THAT(policy::authority_names(*generation, listeners[0]), SizeIs(2));

    generation->settings.server.load_default_ca_file = true;
    EXPECT_THAT(policy::authority_names(*generation, listeners[0]), IsEmpty()); // anyone's
}

}

}
