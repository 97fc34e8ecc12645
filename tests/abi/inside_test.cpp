// The parts of the C edge that a host cannot bring about: slots that run out, keys that grow old, the content of the status.

#include <set>

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <gmock/gmock.h>

#include "abi/handles.h"
#include "abi/status.h"
#include "abi/text.h"
#include "abi/ticket_keys.h"

namespace chmtls::abi
{

namespace
{

using testing::HasSubstr;
using testing::Not;

TEST(HandleTable, EndedHandlesNeverComeBack)
{
    HandleTable<int, 0x1234, 3> table; // seven uses of a slot
    std::set<uint64_t> seen;
    for (int i = 0; i < 1000; ++i)
    {
        const auto handle = table.add(std::make_shared<int>(i));
        ASSERT_TRUE(seen.insert(handle).second) << i;
        ASSERT_EQ(*table.find(handle), i);
        ASSERT_EQ(*table.peek(handle), i);
        ASSERT_EQ(*table.remove(handle), i);
        ASSERT_EQ(table.remove(handle), nullptr);
        ASSERT_EQ(table.find(handle), nullptr);
        ASSERT_EQ(table.peek(handle), nullptr);
    }
}

TEST(HandleTable, ManyAtOnce)
{
    HandleTable<int, 0x1234> table;
    std::vector<uint64_t> handles;
    for (int i = 0; i < 10000; ++i)
        handles.push_back(table.add(std::make_shared<int>(i)));
    for (int i = 0; i < 10000; ++i)
        ASSERT_EQ(*table.find(handles[static_cast<size_t>(i)]), i);
}

TEST(HandleTable, HandlesOfAnotherKindAreNone)
{
    HandleTable<int, 0x1234> ours;
    HandleTable<int, 0x4321> theirs;
    const auto handle = ours.add(std::make_shared<int>(1));
    static_cast<void>(theirs.add(std::make_shared<int>(2)));
    EXPECT_NE(ours.find(handle), nullptr);
    EXPECT_EQ(theirs.find(handle), nullptr);
}

TEST(WriteText, CutsBetweenCharacters)
{
    const struct
    {
        const char * name;
        std::string text;
        size_t capacity;
        const char * written;
    } cases[]{
        {"fits", "abc", 4, "abc"},
        {"one byte short", "abc", 3, "ab"},
        {"only the end mark", "abc", 1, ""},
        {"two-byte character fits", "aä", 4, "aä"},
        {"two-byte character cut", "aä", 3, "a"},
        {"four-byte character cut", "\U0001F512", 4, ""},
        {"nothing but continuations", "\x80\x80\x80", 3, ""},
    };
    for (const auto & each : cases)
    {
        char data[16] = "zzzzzzzzzzzzzzz";
        chmtls_buffer buffer{data, each.capacity, 0};
        write_text(&buffer, each.text);
        EXPECT_STREQ(data, each.written) << each.name;
        EXPECT_EQ(buffer.needed, each.text.size() + 1) << each.name;
    }
}

generation::Generation with_ticket_key(uint8_t seed)
{
    generation::Generation generation;
    generation.number = 3;
    generation.loaded_at = UnixTime(std::chrono::seconds(1'700'000'000));
    generation.ticket_key.name.fill(seed);
    generation.ticket_key.aes = SecretBytes(Bytes(32, seed));
    generation.ticket_key.hmac = SecretBytes(Bytes(32, static_cast<uint8_t>(seed + 1)));
    return generation;
}

TEST(TicketKeys, GrowOldAndEnd)
{
    const auto generation = with_ticket_key(7);
    const auto start = generation.loaded_at;
    const auto key = ticket_key_at(generation, {}, start);
    ASSERT_TRUE(key.has_value());
    const ByteView name{key->name, sizeof(key->name)};

    const auto seconds = std::chrono::seconds(1);
    const struct
    {
        const char * name;
        UnixTime at;
        bool found;
        uint32_t renew;
    } cases[]{
        {"at once", start, true, 0},
        {"clock set back", start - std::chrono::hours(1), true, 0},
        {"end of its age", start + ticket_key_age - seconds, true, 0},
        {"in the next age", start + ticket_key_age, true, 1},
        {"end of the next age", start + 2 * ticket_key_age - seconds, true, 1},
        {"after two ages", start + 2 * ticket_key_age, false, 0},
    };
    for (const auto & each : cases)
    {
        const auto found = ticket_key_at(generation, name, each.at);
        ASSERT_EQ(found.has_value(), each.found) << each.name;
        if (!found)
            continue;
        EXPECT_EQ(found->renew, each.renew) << each.name;
        EXPECT_TRUE(std::equal(std::begin(found->aes_key), std::end(found->aes_key), key->aes_key)) << each.name;
        EXPECT_TRUE(std::equal(std::begin(found->hmac_key), std::end(found->hmac_key), key->hmac_key)) << each.name;
    }

    const auto next = ticket_key_at(generation, {}, start + ticket_key_age);
    EXPECT_EQ(next->renew, 0u);
    EXPECT_FALSE(std::equal(std::begin(next->name), std::end(next->name), key->name));
    EXPECT_FALSE(std::equal(std::begin(next->aes_key), std::end(next->aes_key), key->aes_key));
    EXPECT_FALSE(std::equal(std::begin(next->hmac_key), std::end(next->hmac_key), key->hmac_key));
    EXPECT_FALSE(std::equal(std::begin(key->aes_key), std::end(key->aes_key), key->hmac_key));
}

TEST(TicketKeys, OfAnotherGenerationAreNone)
{
    const auto one = with_ticket_key(7);
    const auto two = with_ticket_key(8);
    const auto key = ticket_key_at(one, {}, one.loaded_at);
    EXPECT_TRUE(ticket_key_at(one, {key->name, sizeof(key->name)}, one.loaded_at).has_value());
    EXPECT_FALSE(ticket_key_at(two, {key->name, sizeof(key->name)}, two.loaded_at).has_value());
}

TEST(Status, SaysWhatIsInForceAndNoSecret)
{
    auto generation = with_ticket_key(0x41); // "AAAA..." as text
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
    const auto json = status_json(
        {.generation = generation,
         .reload = reload,
         .counters = counters,
         .live_sessions = 4,
         .closed_sessions = 5,
         .would_refuse = would_refuse,
         .now = generation.loaded_at});
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
