// What is read of a revocation list, and what is refused by name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trust/crl.h"
#include "unit/trust/changed_crl.h"

using namespace chmtls;
using namespace chmtls::test;
using trust::Crl;

namespace
{

constexpr UnixTime now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

struct Pki
{
    pki::Issued root = must(pki::self_signed(pki::Spec::authority("root"), now));
    pki::Issued signer = must(pki::issue(pki::Spec::authority("signer"), root, now));
    pki::Issued leaf = must(pki::issue(leaf_spec("alice"), signer, now));
};

std::vector<Crl> parsed(const Bytes & der, const std::string & source = "list.crl")
{
    return must(Crl::parse(der, source));
}

/// With one entry.
Bytes changed(const pki::Issued & issuer, const CrlChange & change)
{
    return changed_crl(issuer, {.revoked = {{.serial_hex = "2a"}}}, now, change);
}

/// In place of what the list has: a NULL, which none of them is.
CrlChange unreadable(int nid, int critical)
{
    return [=](X509_CRL * crl)
    {
        for (int at = X509_CRL_get_ext_by_NID(crl, nid, -1); at >= 0; at = X509_CRL_get_ext_by_NID(crl, nid, -1))
            X509_EXTENSION_free(X509_CRL_delete_ext(crl, at));
        X509_CRL_add_ext(crl, extension_of_null(OBJ_nid2obj(nid), critical).get(), -1);
    };
}

CrlChange unknown_extension_of_entry(int critical)
{
    return [=](X509_CRL * crl)
    {
        X509_REVOKED * entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
        X509_REVOKED_add_ext(entry, unknown(critical).get(), -1);
    };
}

openssl::Asn1TimePtr no_time()
{
    openssl::Asn1TimePtr time(ASN1_TIME_set(nullptr, now.time_since_epoch().count()));
    ASN1_STRING_set(time.get(), "tomorrow", -1);
    return time;
}

}

TEST(CrlParse, DerAndPem)
{
    const Pki pki;
    const Bytes der = must(pki::issue_crl({.revoked = {{.serial_hex = pki.leaf.certificate.facts().serial_hex}}}, pki.root, now));
    const auto one = parsed(der, "a.crl");
    ASSERT_EQ(one.size(), 1u);
    EXPECT_EQ(one[0].source(), "a.crl");
    EXPECT_EQ(one[0].issuer(), "CN=root");
    EXPECT_EQ(one[0].entries(), 1u);
    EXPECT_EQ(one[0].this_update(), now - std::chrono::seconds{60});
    EXPECT_EQ(one[0].next_update(), now + std::chrono::seconds{86400});
    const std::string pem = pki::certificate_pem(pki.root.certificate) + pki::crl_pem(der) + "text\n"
                            + pki::crl_pem(must(pki::issue_crl({}, pki.signer, now)));
    const auto two = must(Crl::parse(as_bytes(pem), "b.crl"));
    ASSERT_EQ(two.size(), 2u);
    EXPECT_EQ(two[1].issuer(), "CN=signer");
    EXPECT_EQ(two[1].entries(), 0u);
}

TEST(CrlParse, Refusals)
{
    const Pki pki;
    Bytes longer = must(pki::issue_crl({}, pki.root, now));
    longer.push_back(0);
    const std::string pem = pki::crl_pem(must(pki::issue_crl({}, pki.root, now)));
    std::string damaged = pem;
    damaged[40] = '*';
    const auto bytes = [](const std::string & text)
    {
        return Bytes(text.begin(), text.end());
    };
    struct Case
    {
        std::string name;
        Bytes bytes;
        std::string code;
    };
    const std::vector<Case> cases{
        {"empty", {}, "CRL"},
        {"no_list", bytes("hello"), "CRL"},
        {"byte_behind", longer, "CRL"},
        {"pem_of_something_else", bytes(pki::certificate_pem(pki.root.certificate)), "CRL"},
        {"pem_damaged", bytes(damaged), "CRL"},
        {"second_pem_damaged", bytes(pem + damaged), "CRL"},
        {"second_begin_line_damaged", bytes(pem + std::string(pem).replace(0, 10, "-----BEGIX")), "CRL"},
        {"second_begin_line_without_its_first_dash", bytes(pem + pem.substr(1)), "CRL"},
        {"second_begin_line_is_text", bytes(pem + std::string(pem).replace(0, 5, "xxxxx")), "CRL"},
        {"second_label_damaged", bytes(pem + std::string(pem).replace(11, 8, "X509 CRX")), "CRL"},
        {"cut_off_in_the_second_begin_line", bytes(pem + "-----BEG"), "CRL"},
        {"delta_without_a_number",
         changed_crl(
             pki.root, {.number = 2, .delta_base = 1}, now,
             [](X509_CRL * crl)
             { X509_EXTENSION_free(X509_CRL_delete_ext(crl, X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1))); }),
         "CRL-DELTA"},
        {"unreadable_base", changed(pki.root, unreadable(NID_delta_crl, 1)), "CRL"},
        {"unreadable_reason_of_an_entry",
         changed(
             pki.root,
             [](X509_CRL * crl)
             {
                 X509_REVOKED * entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
                 X509_REVOKED_add_ext(entry, extension_of_null(OBJ_nid2obj(NID_crl_reason), 0).get(), -1);
             }),
         "CRL"},
        {"attribute_certificates", changed(pki.root, distribution_point([](auto & point) { point.onlyattr = 0xff; })),
         "CRL-SCOPE"},
        {"unknown_critical_extension", changed(pki.root, unknown_extension(1)), "CRL-EXTENSION"},
        {"entry_of_another_issuer",
         changed(
             pki.root,
             [](X509_CRL * crl)
             {
                 GENERAL_NAMES * names = sk_GENERAL_NAME_new_null();
                 GENERAL_NAME * name = GENERAL_NAME_new();
                 GENERAL_NAME_set0_value(name, GEN_DIRNAME, X509_NAME_new());
                 sk_GENERAL_NAME_push(names, name);
                 X509_REVOKED * entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
                 X509_REVOKED_add1_ext_i2d(entry, NID_certificate_issuer, names, 1, X509V3_ADD_DEFAULT);
                 sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
             }),
         "CRL-INDIRECT"},
        {"contradictory_scope", changed(pki.root, distribution_point([](auto & point) { point.onlyuser = point.onlyCA = 0xff; })),
         "CRL-SCOPE"},
        {"unreadable_distribution_point", changed(pki.root, unreadable(NID_issuing_distribution_point, 1)), "CRL"},
        {"unreadable_key_identifier", changed(pki.root, unreadable(NID_authority_key_identifier, 0)), "CRL"},
        {"unreadable_number", changed(pki.root, unreadable(NID_crl_number, 0)), "CRL"},
        {"number_twice",
         changed(
             pki.root,
             [](X509_CRL * crl)
             {
                 const openssl::Asn1IntegerPtr number(ASN1_INTEGER_new());
                 X509_CRL_add1_ext_i2d(crl, NID_crl_number, number.get(), 0, X509V3_ADD_APPEND);
             }),
         "CRL"},
        {"this_update_is_no_time", changed(pki.root, [](X509_CRL * crl) { X509_CRL_set1_lastUpdate(crl, no_time().get()); }),
         "CRL-TIME"},
        {"next_update_is_no_time", changed(pki.root, [](X509_CRL * crl) { X509_CRL_set1_nextUpdate(crl, no_time().get()); }),
         "CRL-TIME"},
        {"unknown_critical_extension_of_an_entry", changed(pki.root, unknown_extension_of_entry(1)), "CRL-EXTENSION"},
    };
    for (const Case & one : cases)
    {
        SCOPED_TRACE(one.name);
        const auto lists = Crl::parse(one.bytes, "list.crl");
        ASSERT_FALSE(lists.has_value());
        EXPECT_EQ(lists.error().code, one.code) << lists.error().describe();
        EXPECT_EQ(lists.error().file, "list.crl");
    }
    EXPECT_EQ(parsed(changed(pki.root, unknown_extension(0))).size(), 1u);
    EXPECT_EQ(parsed(changed(pki.root, unknown_extension_of_entry(0))).size(), 1u);
    EXPECT_EQ(parsed(changed(pki.root, distribution_point([](auto &) {}))).size(), 1u);
}
