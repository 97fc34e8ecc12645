#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <gmock/gmock.h>

#include "instance/status.h"

namespace chmtls::instance
{

namespace
{

using testing::HasSubstr;
using testing::Not;

TEST(Status, SaysWhatIsInForceAndNoSecret)
{
    generation::Generation generation;
    generation.number = 3;
    generation.loaded_at = UnixTime(std::chrono::seconds(1'700'000'000));
    generation.ticket_key.name.fill(0x41); // "AAAA..." as text
    generation.ticket_key.aes = SecretBytes(Bytes(32, 0x41));
    generation.ticket_key.hmac = SecretBytes(Bytes(32, 0x41));
    generation.settings.enabled = true;
    generation.settings.server.passphrase = "open sesame";
    generation.settings.listeners = {{"tcp_port_secure", 9440, config::ClientCertificate::required}};
    generation.warnings = {"a key file\nthat others can read"};
    generation::ReloadState reload;
    reload.failures = 2;
    reload.last_error = "ca.pem: \"bad\"";
    observe::Counters counters;
    counters.count_handshake(Reason::valid);
    counters.count_login(Reason::no_rule);
    observe::WouldRefuse would_refuse;
    would_refuse.count(
        {observe::Stage::login, "https_port", "CN=\"x\"", "bob", Reason::no_rule}, generation.loaded_at, 3, "no rule");
    const Snapshot snapshot = take_snapshot(
        {.generation = generation,
         .reload = reload,
         .counters = counters,
         .sessions = {4, 5, 0},
         .would_refuse = would_refuse,
         .now = generation.loaded_at});
    EXPECT_EQ(snapshot.peers.at("VALID"), 1u);
    EXPECT_EQ(snapshot.would_refuse.at(0).count, 1u);
    EXPECT_EQ(snapshot.would_refuse.at(0).where, "https_port");
    EXPECT_EQ(snapshot.listeners.at(0).client_certificate, "required");
    EXPECT_THAT(snapshot.warnings.at(0), Not(HasSubstr("\n")));
    const auto json = status_json(snapshot);
    EXPECT_THAT(json, Not(HasSubstr("sesame")));
    EXPECT_THAT(json, Not(HasSubstr("AAAA")));
    EXPECT_THAT(json, Not(HasSubstr("4141")));
    const auto object = Poco::JSON::Parser().parse(json).extract<Poco::JSON::Object::Ptr>();
    EXPECT_EQ(object->getValue<int>("generation"), 3);
    EXPECT_EQ(object->getValue<std::string>("digest"), std::string(64, '0'));
    EXPECT_EQ(object->getValue<std::string>("loaded_at"), "2023-11-14T22:13:20Z");
    EXPECT_EQ(object->getObject("reload")->getValue<int>("failures"), 2);
    EXPECT_EQ(object->getObject("reload")->getValue<std::string>("last_error"), "ca.pem: \"bad\"");
    EXPECT_TRUE(object->getObject("reload")->isNull("failing_since"));
    EXPECT_EQ(object->getObject("peers")->getValue<int>("VALID"), 1);
    EXPECT_EQ(object->getObject("logins")->getValue<int>("NO-RULE"), 1);
    EXPECT_EQ(object->getObject("sessions")->getValue<int>("live"), 4);
    EXPECT_EQ(object->getObject("sessions")->getValue<int>("closed"), 5);
    const auto row = object->getObject("would_refuse")->getArray("rows")->getObject(0);
    EXPECT_EQ(row->getValue<std::string>("identity"), "CN=\"x\"");
    EXPECT_EQ(row->getValue<std::string>("reason"), "NO-RULE");
    EXPECT_EQ(row->getValue<int>("count"), 1);
    EXPECT_EQ(json.find('\n'), std::string::npos);
}

}

}
