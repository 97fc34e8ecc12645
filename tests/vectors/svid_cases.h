#pragma once

#include "vectors/svid_world.h"

namespace chmtls::test::svid
{

enum class Leaf
{
    issued,
    last_bit_flipped,
    no_certificate, ///< some bytes
    is_signer,      ///< the signing certificate named `issuer` itself
};

enum class List
{
    none,
    names_leaf,
    empty,
    expired,       ///< empty and past its nextUpdate
    names_signer,  ///< root-a's list holds int-1
    of_other_root, ///< root-a2 lists the leaf's serial number
};

struct BundleOf
{
    std::string trust_domain;
    std::vector<std::string> signers;
};

struct Case
{
    std::string name; ///< the one property that differs
    std::string code;
    std::string issuer = "root-a";
    Change change = [](pki::Spec &) {
    };
    std::vector<std::string> sent = {}; ///< signers behind the leaf; "garbage" is no certificate
    std::vector<BundleOf> bundles = {}; ///< empty: example.org = root-a, federated.test = root-f
    UnixTime at = usual_moment;
    Leaf leaf = Leaf::issued;
    List list = List::none;
};

[[nodiscard]] const std::vector<Case> & accepted_cases();
[[nodiscard]] const std::vector<Case> & refused_cases();

}
